"""Requests to one service: signed, bounded, over TCP or a Unix socket."""

import secrets
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.netutil import Resolver
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from chatserver import StartupError, signed_headers, signing_key
from chatserver_plugins.remote.config import UNIX, Remote
from chatserver_plugins.remote.wire import Request

ANSWER_BYTES = 262144
AT_ONCE = 100  # requests; further ones wait, within their time limit


class Silent(Exception):
    """The service does not answer, or with an error's status."""


class UnixResolver(Resolver):
    """Leads every name to one Unix socket."""

    def initialize(self, path: str = "") -> None:
        self._path = path

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        return [(socket.AF_UNIX, self._path)]


class Client:
    """The way to one service."""

    def __init__(self, name: str, config: Remote) -> None:
        """Raises `StartupError` if `ca_file` cannot be used."""
        self._config, self._key = config, signing_key(config.secret)
        is_unix = config.uri.startswith(UNIX)
        self._uri = "http://service/" if is_unix else config.uri
        self._resolver = UnixResolver(path=config.uri.removeprefix(UNIX)) if is_unix else None
        self._tls = _trusting(name, config.ca_file)
        self._client: AsyncHTTPClient | None = None

    async def ask(self, hook: str, arguments: Mapping[str, Any]) -> bytes:
        """The body of the answer. Raises `Silent`."""
        config = self._config
        name = secrets.token_hex(8)
        asked = Request(
            id=name, hook=hook, deadline_ms=int(1000 * config.seconds), arguments=arguments
        )
        body = msgspec.json.encode(asked)
        request = HTTPRequest(
            self._uri,
            method="POST",
            body=body,
            headers=signed_headers(self._key, name, int(time.time()), body)
            | {"Content-Type": "application/json"},
            follow_redirects=False,
            ssl_options=self._tls,
            connect_timeout=config.seconds,
            request_timeout=config.seconds,
        )
        try:
            return (await self._opened().fetch(request)).body
        except HTTPTimeoutError:
            raise Silent(f"does not answer in {config.seconds:g} s") from None
        except HTTPClientError as error:
            raise Silent(f"answers {error.code}") from None
        except (OSError, ValueError) as error:
            raise Silent(f"cannot be reached: {type(error).__name__}") from None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._resolver is not None:
            self._resolver.close()

    def _opened(self) -> AsyncHTTPClient:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                resolver=self._resolver,
                max_clients=AT_ONCE,
                max_body_size=ANSWER_BYTES,
                max_buffer_size=2 * ANSWER_BYTES,
            )
        return self._client


def _trusting(name: str, file: str) -> ssl.SSLContext | None:
    """A context that trusts the file's authorities; None without a file, for those of the system."""
    try:
        return ssl.create_default_context(cafile=file) if file else None
    except OSError as error:  # errors in the file's content too
        raise StartupError(f"plugin.remote.services.{name}.ca_file: {error}") from error
