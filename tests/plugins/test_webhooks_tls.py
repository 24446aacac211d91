"""Over TLS events go to whom they are meant for, and to nobody who only has the address."""

import ssl
from pathlib import Path

import pytest
import trustme
from hooked import chat
from receiver import Receiver, until

from chatserver import StartupError


def receiver(authority: trustme.CA, name: str = "127.0.0.1") -> Receiver:
    """A receiver with a certificate for this name, started by `chat`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return Receiver(context)


async def test_a_receiver_of_a_trusted_authority_gets_events(
    tmp_path: Path, authority: trustme.CA, ca_file: str
) -> None:
    trusted = receiver(authority)
    assert trusted.uri.startswith("https://")
    async with chat(tmp_path, trusted, ca_file=ca_file) as made:
        room = await made.room()
        last = await made.post(room, 5)
        await until(lambda: trusted.seqs(room.id)[-1:] == [last])
        assert trusted.seqs(room.id) == [*range(1, last + 1)]
        assert made.failures() == 0


async def test_an_authority_that_is_not_known_is_not_believed(
    tmp_path: Path, authority: trustme.CA, ca_file: str
) -> None:
    strangers = [receiver(authority), receiver(trustme.CA())]  # for the system, for `ca_file`
    for stranger, trusted in zip(strangers, ["", ca_file], strict=True):
        async with chat(tmp_path, stranger, ca_file=trusted) as made:
            await made.room()
            await until(lambda: made.failures() > 0)
        assert stranger.tried == 0


async def test_a_certificate_for_another_name_is_not_believed(
    tmp_path: Path, authority: trustme.CA, ca_file: str
) -> None:
    other = receiver(authority, "hooks.example.org")
    async with chat(tmp_path, other, ca_file=ca_file) as made:
        await made.room()
        await until(lambda: made.failures() > 0)
    assert other.tried == 0


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_invalid_file_of_authorities_refuses_to_start(
    tmp_path: Path, authority: trustme.CA, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(StartupError, match=r"plugin\.webhooks\.outgoing\.tickets\.ca_file: "):
        async with chat(tmp_path, receiver(authority), ca_file=str(file)):
            pass
