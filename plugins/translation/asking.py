"""Requests to the service: bounded in time, size and number, with a rest after failures."""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from chatserver import StartupError
from chatserver_plugins.translation.config import TranslationConfig
from chatserver_plugins.translation.provider import Busy, Unavailable, Unwanted

ANSWER_BYTES = 1 << 20  # the longest message has some 100 KB with its markup
AT_ONCE = 8  # requests; further ones wait, within their time limit
FAILURES, REST_SECONDS = 3, 30.0  # in a row, after which the service is left alone for a while
LONGEST_REST_SECONDS = 3600.0  # that a service may ask for
BUSY = (429, 456, 503, 529)  # 456: the quota of DeepL is used up
QUOTA = 456

AnswerT = TypeVar("AnswerT")


class Rest:
    """A circuit breaker: after FAILURES in a row, nothing is asked for REST_SECONDS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures, self._until = 0, 0.0

    @property
    def seconds(self) -> float:
        """Seconds for which the service is still left alone; 0 if it may be asked."""
        return max(0.0, self._until - self._clock())

    def note(self, *, failed: bool) -> None:
        """Note what became of a request."""
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES:
            self.begin(REST_SECONDS)

    def begin(self, seconds: float) -> None:
        """Ask nothing for so many seconds from now."""
        self._until = max(self._until, self._clock() + seconds)


class Service:
    """The way to one service."""

    def __init__(self, config: TranslationConfig, headers: Mapping[str, str]) -> None:
        """Raises `StartupError` if `ca_file` cannot be used."""
        self._url, self._seconds = config.url.rstrip("/"), config.timeout_seconds
        self._headers = {"Accept": "application/json", **headers}
        self._rest = Rest()
        self._client: AsyncHTTPClient | None = None
        try:
            file = config.ca_file
            self._tls = ssl.create_default_context(cafile=file) if file else None
        except OSError as error:  # errors in the file's content too
            raise StartupError(f"plugin.translation.ca_file: {error}") from error

    async def post(self, path: str, body: Mapping[str, Any], kind: type[AnswerT]) -> AnswerT:
        """What answers a request, as JSON of this kind. Raises `Unavailable`, `Busy`, `Unwanted`."""
        return await self._asked("POST", path, msgspec.json.encode(body), kind)

    async def get(self, path: str, kind: type[AnswerT]) -> AnswerT:
        """What is at an address, as JSON of this kind. Raises `Unavailable`, `Busy`, `Unwanted`."""
        return await self._asked("GET", path, None, kind)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    async def _asked(
        self, method: str, path: str, body: bytes | None, kind: type[AnswerT]
    ) -> AnswerT:
        if left := self._rest.seconds:
            raise Busy("left alone for a while", left)
        try:
            answer = self._judged(await self._fetched(method, path, body), kind)
        except Busy as busy:
            self._rest.begin(busy.seconds)
            raise
        except Unavailable:
            self._rest.note(failed=True)
            raise
        except Unwanted:
            self._rest.note(failed=False)
            raise
        self._rest.note(failed=False)
        return answer

    async def _fetched(self, method: str, path: str, body: bytes | None) -> HTTPResponse:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                max_clients=AT_ONCE,
                max_body_size=ANSWER_BYTES,
                max_buffer_size=2 * ANSWER_BYTES,
            )
        request = HTTPRequest(
            f"{self._url}{path}",
            method=method,
            body=body,
            headers={**self._headers, **({"Content-Type": "application/json"} if body else {})},
            follow_redirects=False,
            decompress_response=False,
            ssl_options=self._tls,
            connect_timeout=self._seconds,
            request_timeout=self._seconds,
        )
        try:
            return await self._client.fetch(request, raise_error=False)
        except HTTPTimeoutError:
            raise Unavailable(f"does not answer in {self._seconds:g} s") from None
        except (HTTPClientError, OSError, ValueError) as error:
            raise Unavailable(f"cannot be reached: {type(error).__name__}") from None

    def _judged(self, answer: HTTPResponse, kind: type[AnswerT]) -> AnswerT:
        if answer.code in BUSY:
            raise Busy(f"answers {answer.code}", _seconds_of(answer))
        if answer.code in (400, 413):
            raise Unwanted
        if answer.code != 200:
            raise Unavailable(f"answers {answer.code}")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable("answers with something else") from None


def _seconds_of(answer: HTTPResponse) -> float:
    """For how long a service wants to be left alone; without a word of it, a while."""
    if answer.code == QUOTA:
        return LONGEST_REST_SECONDS
    said = answer.headers.get("Retry-After", "")
    seconds = float(said) if re.fullmatch("[0-9]{1,9}", said) else REST_SECONDS
    return min(max(seconds, 1.0), LONGEST_REST_SECONDS)
