"""Posts events to a receiver, one by one, signed. The consumer retries failed deliveries."""

import ssl
import time
from collections.abc import Sequence

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from chatserver import (
    AnyEvent,
    ChatError,
    Consumer,
    Context,
    GuardedResolver,
    ReceiverBusy,
    ResponseHead,
    RoomKind,
    StartupError,
    signed_headers,
    signing_key,
)
from chatserver_plugins.webhooks.config import Outgoing

ANSWER_BYTES = 65536  # read of an answer, and ignored
SPARE_SECONDS = 5.0  # the consumer's own deadline comes after the request's
BUSY = (429, 503)  # with a Retry-After, all deliveries to the receiver pause


class Payload(msgspec.Struct, frozen=True):
    """The body of a delivery. `data` is the event as clients get it."""

    type: str
    timestamp: str
    data: AnyEvent


_encode = msgspec.json.Encoder().encode


class Sender:
    """One outgoing hook."""

    def __init__(self, name: str, config: Outgoing, context: Context) -> None:
        """Raises `StartupError` if its `ca_file` cannot be used."""
        self._config, self._key = config, signing_key(config.secret)
        self._tls = _trusting(name, config.ca_file)
        self._service, self._version = context.service, context.version
        self._resolver = GuardedResolver(allowed=config.allowed_networks)
        self._client: AsyncHTTPClient | None = None
        self.consumer = Consumer(
            name=f"webhooks.{name}",
            handle=self.send,
            kinds=tuple(config.events),
            rooms=tuple(config.rooms),
            batch=1,  # with several, all would be repeated if the last one failed
            rooms_at_once=config.rooms_at_once,
            attempts=config.attempts,
            deadline=config.timeout_seconds + SPARE_SECONDS,
        )

    async def send(self, events: Sequence[AnyEvent]) -> None:
        """Post the events. Raises `ChatError` if the receiver has not accepted them."""
        if self._config.rooms or await self._is_public(events[-1]):
            for event in events:
                await self._post(event)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._resolver.close()

    async def _is_public(self, last: AnyEvent) -> bool:
        """Whether the room is, at the event or further on."""
        rooms = await self._service.rooms.get_many([last.room], {last.room: last.seq})
        found = rooms.get(last.room)  # none if it is deleted
        description = found.description if found is not None else None
        return description is not None and description.kind is RoomKind.PUBLIC

    async def _post(self, event: AnyEvent) -> None:
        kind = str(event.__struct_config__.tag)
        body = _encode(Payload(type=kind, timestamp=event.at, data=event))
        headers = signed_headers(self._key, f"{event.room}-{event.seq}", int(time.time()), body)
        answer = ResponseHead()
        request = HTTPRequest(
            self._config.uri,
            method="POST",
            body=body,
            headers=headers
            | {"Content-Type": "application/json", "User-Agent": f"chatserver/{self._version}"},
            follow_redirects=False,
            ssl_options=self._tls,
            connect_timeout=self._config.timeout_seconds,
            request_timeout=self._config.timeout_seconds,
            header_callback=answer.read,
        )
        try:
            await self._open_client().fetch(request)
        except (HTTPClientError, OSError, ValueError) as error:
            if not answer.is_yes:
                raise _refusal(answer, error) from error

    def _open_client(self) -> AsyncHTTPClient:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                resolver=self._resolver,
                max_clients=self._config.rooms_at_once,
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


def _trusting(name: str, file: str) -> ssl.SSLContext | None:
    """A context that trusts the file's authorities; None without a file, for those of the system."""
    try:
        return ssl.create_default_context(cafile=file) if file else None
    except OSError as error:  # errors in the file's content too
        raise StartupError(f"plugin.webhooks.outgoing.{name}.ca_file: {error}") from error
