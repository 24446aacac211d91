"""aiokafka's producer, extended: it can be abandoned, and reports why it does not connect."""

import asyncio
import contextlib
import logging
import ssl
from typing import Any

from aiokafka import AIOKafkaProducer

from chatserver import StartupError
from chatserver_plugins.kafka.config import Config

BATCH_BYTES = 256 * 1024  # brokers accept 1 MiB by default
CLOSE_SECONDS = 1.0  # for requests in progress when the producer is abandoned
TRIES = 3  # of a request, within a batch's time limit


class LastWords(logging.Handler):
    """Keeps aiokafka's last log message, the only place with the reason of a failed connection."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


last_words = LastWords()
_theirs = logging.getLogger("aiokafka")
_theirs.addHandler(last_words)
_theirs.propagate = False


class Client(AIOKafkaProducer):  # type: ignore[misc]
    """An idempotent producer: brokers drop repeats, and accept records only in the order of sending."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(**options)
        self.ended = asyncio.Event()  # abandoned, so that callers stop waiting

    async def abandon(self) -> None:
        """Close, and drop unsent records; `stop` would wait until the brokers have them."""
        self._closed = True
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._sender.close()
        await self.client.close()


def options(config: Config) -> dict[str, Any]:
    """Keyword arguments for aiokafka's clients. Raises `StartupError` if a file cannot be used."""
    transport = "SSL" if config.tls else "PLAINTEXT"
    given: dict[str, Any] = {
        "bootstrap_servers": config.brokers,
        "client_id": "chatserver",
        "enable_idempotence": True,
        "acks": "all",
        "max_batch_size": BATCH_BYTES,
        "request_timeout_ms": config.timeout_ms // TRIES,
        "security_protocol": transport,
        "ssl_context": _tls(config) if config.tls else None,
    }
    if config.sasl != "none":
        given |= {
            "security_protocol": f"SASL_{transport}",
            "sasl_mechanism": config.sasl.upper(),
            "sasl_plain_username": config.username,
            "sasl_plain_password": config.password,
        }
    return given


def _tls(config: Config) -> ssl.SSLContext:
    key = "ca_file"
    try:
        context = ssl.create_default_context(cafile=config.ca_file or None)
        key = "certificate_file"
        if config.certificate_file:
            context.load_cert_chain(config.certificate_file, password=_no_passphrase)
    except OSError as error:  # errors in a file's content too
        raise StartupError(f"plugin.kafka.{key}: {error}") from error
    return context


def _no_passphrase() -> str:
    """Replaces a question at the terminal."""
    raise OSError("the private key must not be encrypted")
