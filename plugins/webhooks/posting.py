"""Posts a signed body to a receiver, and gives back its answer."""

import ssl
import time

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from chatserver import (
    ChatError,
    GuardedResolver,
    ReceiverBusy,
    ResponseHead,
    StartupError,
    signed_headers,
    signing_key,
)
from chatserver_plugins.webhooks.config import Receiver

ANSWER_BYTES = 65536  # read of an answer
BUSY = (429, 503)  # with a Retry-After, all deliveries to the receiver pause


class Poster:
    """The way to one receiver. `at_once` bodies are on their way at the same time; others wait."""

    def __init__(
        self, place: str, config: Receiver, version: str, *, seconds: float, at_once: int
    ) -> None:
        """`place` names the settings in errors. Raises `StartupError` if the `ca_file` cannot be used."""
        self._config, self._key = config, signing_key(config.secret)
        self._tls = _trusting(place, config.ca_file)
        self._version, self._seconds, self._at_once = version, seconds, at_once
        self._resolver = GuardedResolver(allowed=config.allowed_networks)
        self._client: AsyncHTTPClient | None = None

    async def post(self, id: str, body: bytes) -> bytes | None:
        """What the receiver answers to a body; None if it has accepted it, and the answer cannot be read.

        Raises `ChatError` plugin.failed, `ReceiverBusy`.
        """
        headers = signed_headers(self._key, id, int(time.time()), body)
        answer = ResponseHead()
        request = HTTPRequest(
            self._config.uri,
            method="POST",
            body=body,
            headers=headers
            | {"Content-Type": "application/json", "User-Agent": f"chatserver/{self._version}"},
            follow_redirects=False,
            ssl_options=self._tls,
            connect_timeout=self._seconds,
            request_timeout=self._seconds,
            header_callback=answer.read,
        )
        try:
            return (await self._open_client().fetch(request)).body
        except (HTTPClientError, OSError, ValueError) as error:
            if not answer.is_yes:
                raise _refusal(answer, error) from error
        return None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._resolver.close()

    def _open_client(self) -> AsyncHTTPClient:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                resolver=self._resolver,
                max_clients=self._at_once,
                max_body_size=ANSWER_BYTES,
                max_buffer_size=2 * ANSWER_BYTES,
            )
        return self._client


def _refusal(answer: ResponseHead, error: Exception) -> ChatError:
    """The error to report for a failed delivery."""
    if answer.status:
        text = f"the receiver answers {answer.status}"
    elif isinstance(error, HTTPTimeoutError):
        text = "the receiver does not answer in time"
    else:
        # Only the kind of the error: its text may contain the address, which may be secret.
        text = f"not delivered: {type(error).__name__}"
    is_busy = answer.status in BUSY and answer.after_ms is not None
    return (ReceiverBusy if is_busy else ChatError)("plugin.failed", text, after_ms=answer.after_ms)


def _trusting(place: str, file: str) -> ssl.SSLContext | None:
    """A context that trusts the file's authorities; None without a file, for those of the system."""
    try:
        return ssl.create_default_context(cafile=file) if file else None
    except OSError as error:  # errors in the file's content too
        raise StartupError(f"plugin.webhooks.{place}.ca_file: {error}") from error
