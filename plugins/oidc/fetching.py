"""Requests to a provider: bounded in time, size and number, off no other's way."""

import ssl
from typing import Any

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from chatserver import StartupError

ANSWER_BYTES = 1 << 20
AT_ONCE = 50  # requests to one provider; further ones wait, within their time limit


class Unavailable(Exception):
    """The provider does not answer, or with what is no answer. The text has no secrets."""


class Fetching:
    """The way to one provider."""

    def __init__(self, name: str, seconds: float, ca_file: str) -> None:
        """Raises `StartupError` if `ca_file` cannot be used."""
        self._seconds = seconds
        self._client: AsyncHTTPClient | None = None
        try:
            self._tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
        except OSError as error:  # errors in the file's content too
            raise StartupError(f"plugin.oidc.providers.{name}.ca_file: {error}") from error

    async def get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at an address. Raises `Unavailable`."""
        answer = await self._fetch(url, "GET", None, headers or {})
        if answer.code != 200:
            raise Unavailable(f"{url} answers {answer.code}")
        return _object(url, answer)

    async def post(
        self, url: str, body: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """The status and JSON object that answer a form; of an error too. Raises `Unavailable`."""
        headers = headers | {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._fetch(url, "POST", body, headers)
        if answer.code not in (200, 400, 401):
            raise Unavailable(f"{url} answers {answer.code}")
        return answer.code, _object(url, answer)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    async def _fetch(
        self, url: str, method: str, body: str | None, headers: dict[str, str]
    ) -> HTTPResponse:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                max_clients=AT_ONCE,
                max_body_size=ANSWER_BYTES,
                max_buffer_size=2 * ANSWER_BYTES,
            )
        request = HTTPRequest(
            url,
            method=method,
            body=body,
            headers={"Accept": "application/json"} | headers,
            follow_redirects=False,
            ssl_options=self._tls,
            connect_timeout=self._seconds,
            request_timeout=self._seconds,
        )
        try:
            return await self._client.fetch(request, raise_error=False)
        except HTTPTimeoutError:
            raise Unavailable(f"{url} does not answer in {self._seconds:g} s") from None
        except (HTTPClientError, OSError, ValueError) as error:
            raise Unavailable(f"{url} cannot be reached: {type(error).__name__}") from None


def _object(url: str, answer: HTTPResponse) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unavailable(f"{url} answers {answer.code} with no JSON object") from None
