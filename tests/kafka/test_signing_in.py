"""TLS and passwords: the right ones get in, others are told why not."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from loguru import logger

from tests.kafka.broker import Broker
from tests.kafka.chat import chat
from tests.waiting import until

TOPIC = "events"
USER, PASSWORD = "chat", "correct horse"


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines of the server's log at warning level and above."""
    lines: list[str] = []
    sink = logger.add(lambda text: lines.append(str(text)), level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure_broker(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker that asks clients for a certificate."""
    context = server_side(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    with Broker(tmp_path_factory.mktemp("secure"), context) as broker:
        broker.add_topic(TOPIC)
        yield broker


@pytest.fixture(scope="module")
def guarded_broker(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker that asks for a password."""
    context = server_side(authority)
    with Broker(tmp_path_factory.mktemp("guarded"), context, (USER, PASSWORD)) as broker:
        broker.add_topic(TOPIC)
        yield broker


def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    return context


def tls(folder: Path, trusted: trustme.CA, own: trustme.CA) -> dict[str, object]:
    trusted.cert_pem.write_to_path(str(folder / "ca.pem"))
    own.issue_cert("chat.example.org").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "own.pem")
    )
    return {
        "tls": True,
        "ca_file": str(folder / "ca.pem"),
        "certificate_file": str(folder / "own.pem"),
    }


async def test_tls_with_certificates_of_both_sides(
    tmp_path: Path, secure_broker: Broker, authority: trustme.CA
) -> None:
    settings = tls(tmp_path, authority, authority)
    async with chat(tmp_path, secure_broker, topic=TOPIC, **settings) as made:
        last = await made.post(await made.room())
        await until(made.is_done)
        assert made.count("chatserver_consumer_events_total") == last
        assert made.count("chatserver_consumer_failures_total") == 0


@pytest.mark.parametrize(
    ("whose", "text"), [("the broker's", "CERTIFICATE_VERIFY_FAILED"), ("the client's", "")]
)
async def test_certificates_of_strangers_are_refused(
    tmp_path: Path,
    secure_broker: Broker,
    authority: trustme.CA,
    logged: list[str],
    whose: str,
    text: str,
) -> None:
    pair = (trustme.CA(), authority) if whose == "the broker's" else (authority, trustme.CA())
    settings = tls(tmp_path, *pair)
    async with chat(tmp_path, secure_broker, topic=TOPIC, **settings) as made:
        await made.room()
        await until(lambda: made.count("chatserver_consumer_failures_total") > 1)
        assert made.count("chatserver_consumer_events_total") == 0
    assert any(
        "kafka.unavailable: KafkaConnectionError" in line and text in line for line in logged
    )


@pytest.mark.parametrize(
    ("mechanism", "password", "text"),
    [
        ("plain", PASSWORD, ""),
        ("plain", "not it", "wrong name or password"),
        ("scram-sha-256", PASSWORD, "does not support SCRAM-SHA-256"),
    ],
)
async def test_a_password_gets_in_and_a_wrong_one_does_not(
    tmp_path: Path,
    guarded_broker: Broker,
    authority: trustme.CA,
    logged: list[str],
    mechanism: str,
    password: str,
    text: str,
) -> None:
    settings = tls(tmp_path, authority, authority) | {
        "topic": TOPIC,
        "sasl": mechanism,
        "username": USER,
        "password": password,
    }
    async with chat(tmp_path, guarded_broker, **settings) as made:
        last = await made.post(await made.room())
        if not text:
            await until(made.is_done)
            assert made.count("chatserver_consumer_events_total") == last
            return
        await until(lambda: made.count("chatserver_consumer_failures_total") > 0)
        assert made.count("chatserver_consumer_events_total") == 0
    assert any("kafka.unavailable: " in line and text in line for line in logged)
    assert password not in "".join(logged)


@pytest.mark.parametrize("mechanism", ["scram-sha-256", "scram-sha-512"])
async def test_a_broker_that_knows_nobody_of_this_name(
    tmp_path: Path, logged: list[str], mechanism: str
) -> None:
    with Broker(tmp_path) as broker:
        broker.kill()
        broker.start("--authentication")
        account = {"sasl": mechanism, "username": USER, "password": PASSWORD}
        async with chat(tmp_path, broker, topic=TOPIC, **account) as made:
            await made.room()
            await until(lambda: made.count("chatserver_consumer_failures_total") > 0)
    assert any("kafka.unavailable: AuthenticationFailedError: " in line for line in logged)
    assert PASSWORD not in "".join(logged)
