"""Posts to push services. Their addresses come from users, so only public networks are reached, and no answer is read."""

import ssl
from contextlib import suppress
from enum import Enum, auto
from hashlib import sha256
from typing import NamedTuple

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from chatserver import Context, GuardedResolver, ResponseHead
from chatserver_plugins.push.devices import Device
from chatserver_plugins.push.encryption import Voucher, encrypted, to_text

ANSWER_BYTES = 65536  # read of an answer, and ignored
KEPT_SECONDS = 86400  # by a push service, for a device that is not there
AT_ONCE = 128  # requests of this node
GONE = (404, 410)  # RFC 8030, 7.3: the subscription has ended
REST_SECONDS, LONGEST_REST = 2.0, 600.0  # of a device that could not be reached, doubled each time
RESTING_MOST = 10_000  # devices whose rest is remembered


class Outcome(Enum):
    SENT = auto()
    GONE = auto()
    REFUSED = auto()
    LATER = auto()


class Result(NamedTuple):
    """What became of a push; `after` are the seconds until the next try."""

    outcome: Outcome
    after: float = 0.0


class Rest(NamedTuple):
    """A device is not tried before `until`, after so many failures in a row."""

    until: float
    failures: int


class Sending:
    """Sends one message to one device at a time. A device that fails rests, and costs nothing meanwhile."""

    def __init__(
        self,
        context: Context,
        voucher: Voucher,
        *,
        networks: list[str],
        tls: ssl.SSLContext | None,
        timeout: float,
    ) -> None:
        self._voucher, self._tls, self._timeout = voucher, tls, timeout
        self._clock, self._version = context.clock, context.version
        self._resolver = GuardedResolver(networks)
        self._client: AsyncHTTPClient | None = None
        self._resting: dict[str, Rest] = {}

    async def send(self, device: Device, text: bytes, topic: str, urgent: bool) -> Result:
        """Push a text. Of those with the same topic, a device that was away gets the last."""
        rest = self._resting.get(device.id)
        if rest is not None and (left := rest.until - self._clock.now()) > 0:
            return Result(Outcome.LATER, left)
        head = ResponseHead()
        request = HTTPRequest(
            device.endpoint,
            method="POST",
            body=encrypted(text, device.keys.p256dh, device.keys.auth),
            headers={
                "Authorization": self._voucher.authorization(device.endpoint),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(KEPT_SECONDS),
                "Topic": to_text(sha256(topic.encode()).digest()[:24]),
                "Urgency": "high" if urgent else "normal",
                "User-Agent": f"chatserver/{self._version}",
            },
            follow_redirects=False,
            ssl_options=self._tls,
            connect_timeout=self._timeout,
            request_timeout=self._timeout,
            header_callback=head.read,
        )
        with suppress(HTTPClientError, OSError, ValueError):  # the head says what counts
            await self._open_client().fetch(request)
        return self._judged(device, head)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._resolver.close()

    def _judged(self, device: Device, head: ResponseHead) -> Result:
        if head.is_yes:
            self._resting.pop(device.id, None)
            return Result(Outcome.SENT)
        if head.status in GONE:
            return Result(Outcome.GONE)
        if head.status in (0, 429) or head.status >= 500:
            return Result(Outcome.LATER, self._rest(device, (head.after_ms or 0) / 1000))
        return Result(Outcome.REFUSED)

    def _rest(self, device: Device, asked: float) -> float:
        """Seconds for which the device is left alone."""
        before = self._resting.pop(device.id, None)
        failures = 0 if before is None else before.failures
        seconds: float = max(min(REST_SECONDS * 2**failures, LONGEST_REST), asked)
        self._resting[device.id] = Rest(self._clock.now() + seconds, min(failures + 1, 20))
        if len(self._resting) > RESTING_MOST:
            del self._resting[next(iter(self._resting))]
        return seconds

    def _open_client(self) -> AsyncHTTPClient:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                resolver=self._resolver,
                max_clients=AT_ONCE,
                max_body_size=ANSWER_BYTES,
                max_buffer_size=2 * ANSWER_BYTES,
            )
        return self._client
