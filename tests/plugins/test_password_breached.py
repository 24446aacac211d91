"""Passwords in a file of breached ones are refused wherever a new one is chosen, and nowhere else."""

import os
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from chatserver import ChatError, StartupError
from chatserver.testing.running import PASSWORD, running
from chatserver_plugins.password import PasswordPlugin
from chatserver_plugins.password.breached import BLOCK_BYTES, BreachedFile

BREACHED = "my first bicycle was green"


def digest(password: str) -> str:
    return sha1(password.encode()).hexdigest().upper()


def written(path: Path, passwords: list[str], end: str = "\r\n", last: str | None = None) -> str:
    """A file of these passwords; the lines have different lengths, as in the published list."""
    lines = sorted(
        f"{digest(each)}:{len(each) ** (index % 9)}" for index, each in enumerate(passwords)
    )
    path.write_text(end.join(lines) + (end if last is None else last), newline="")
    return str(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [None, ""], ids=["with", "without"])
@pytest.mark.parametrize("count", [1, 2, 50, 100, 1000])
def test_every_password_of_the_file_is_found_and_no_other(
    tmp_path: Path, count: int, end: str, last: str | None
) -> None:
    there = [f"password number {number}" for number in range(count)]
    file = BreachedFile(written(tmp_path / "list.txt", there, end, last))
    try:
        assert all(map(file.has, there))
        assert not any(file.has(f"{each}!") for each in there)
        assert not file.has("x" * 2000)
    finally:
        file.close()


def test_digests_in_small_letters_are_found(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    written(path, ["one password", "another password"])
    path.write_text(path.read_text().lower())
    file = BreachedFile(str(path))
    assert file.has("one password") and not file.has("no password")
    file.close()


def test_a_look_up_reads_a_small_part_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = BreachedFile(written(tmp_path / "list.txt", [str(number) for number in range(20_000)]))
    reads: list[int] = []
    real = os.pread

    def counted(fd: int, size: int, place: int) -> bytes:
        reads.append(size)
        return real(fd, size, place)

    monkeypatch.setattr(os, "pread", counted)
    assert file.has("12345")
    assert sum(reads) < 2 * BLOCK_BYTES
    file.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("", "expected lines"),
        ("password\nletmein\n", "expected lines"),
        (f"{digest('a')}\n", ""),
        ("".join(f"{digest(str(each))}:1\n" for each in range(500)), "not sorted"),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_refused_at_start(
    tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "list.txt"
    if text is not None:
        path.write_text(text)
    if not said:
        BreachedFile(str(path)).close()
        return
    with pytest.raises(StartupError, match=f"plugin.password.breached_file: .*{said}"):
        BreachedFile(str(path))


async def test_it_counts_for_new_passwords_and_not_for_signing_in(tmp_path: Path) -> None:
    before = {"server.data": str(tmp_path / "data")}
    listed = before | {"plugin.password.breached_file": written(tmp_path / "list", [BREACHED])}
    async with running(store="sqlite", settings=before) as chat:
        await chat.service.accounts.add("ada", BREACHED)
    async with running(store="sqlite", settings=listed) as chat:
        accounts = chat.service.accounts
        given = {"username": "ada", "password": BREACHED}
        ada = (await chat.http("POST", "/api/v1/login", given)).json["token"]

        async def changed(old: str, new: str) -> Any:
            return await chat.http(
                "PUT", "/api/v1/me/password", {"old": old, "new": new}, token=ada
            )

        answers = [
            await chat.http("POST", "/api/v1/register", given | {"username": "bob"}),
            await changed(BREACHED, BREACHED),
        ]
        for answer in answers:
            error = answer.json["error"]
            assert error["detail"] == {"field": "password", "reason": "breached"}
            assert BREACHED not in error["message"]
        for setting in (accounts.passwords.set("ada", BREACHED), accounts.add("carol", BREACHED)):
            with pytest.raises(ChatError) as refused:
                await setting
            assert refused.value.detail["reason"] == "breached"
        assert (await changed(BREACHED, PASSWORD)).status == 200


async def test_a_file_that_cannot_be_read_any_more_lets_no_new_password_through(
    tmp_path: Path, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "list", [BREACHED])
    plugin = PasswordPlugin(PasswordPlugin.Config(memory_kib=8, passes=1, breached_file=path))
    authenticator = plugin.provide_authenticator(records)
    await authenticator.check_password(PASSWORD, [])

    def broken(fd: int, size: int, place: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(ChatError) as refused:
        await authenticator.check_password(PASSWORD, [])
    assert refused.value.code == "plugin.failed"
    await plugin.shutdown()
