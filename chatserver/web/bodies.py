"""Requests with a body: if the head alone is reason to refuse one, its body is not read.

Tornado prepares a handler with a streamed body before it reads the body, so `BaseHandler.prepare` can refuse
it. Requests without a body are not streamed, as that would cost each of them two turns of the loop.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, cast

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application, _HandlerDelegate, stream_request_body

from chatserver.errors import ChatError
from chatserver.web.base import BaseHandler
from chatserver.web.connection import THROWN_AWAY, Connection
from chatserver.web.short_way import Post


class BodiesAfterHeads(Application):
    """An application whose handlers get bodies only once they have agreed to the head."""

    posts: Mapping[bytes, Post] = {}  # by path, what is answered on the short way

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return _Routing(super().start_request(server_conn, request_conn), request_conn)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        found = super().find_handler(request, **kwargs)
        headers = request.headers
        if "Transfer-Encoding" not in headers and headers.get("Content-Length", "0") == "0":
            return found
        # The handler has a limit of its own; bytes beyond it are thrown away, up to this many.
        connection = cast(Connection, request.connection)
        kind = cast(type[BaseHandler], found.handler_class)
        most = (kind.most_bytes if kind.streams_body else None) or self.settings["body_bytes"]
        connection.set_max_body_size(max(THROWN_AWAY, most))
        found.handler_class = _streaming(kind)
        found.stream_request_body = True
        return _Body(found)


class _Routing(HTTPMessageDelegate):
    """Tornado's delegate, which also answers if Tornado cannot parse an address or a host."""

    def __init__(self, delegate: HTTPMessageDelegate, connection: HTTPConnection) -> None:
        self._delegate, self._connection = delegate, connection

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        try:
            return self._delegate.headers_received(start_line, headers)
        except HTTPInputError:
            self._delegate = HTTPMessageDelegate()  # ignores the body
            error = ChatError("request.invalid", "The address or the host cannot be read.")
            cast(Connection, self._connection).refuse(error)
            return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


class _Body:
    """Tornado's delegate, which also tells the handler that the body is complete."""

    def __init__(self, delegate: _HandlerDelegate) -> None:
        self._delegate = delegate
        self.headers_received = delegate.headers_received
        self.data_received = delegate.data_received
        self.on_connection_close = delegate.on_connection_close

    def finish(self) -> None:
        cast(BaseHandler, self._delegate.handler).take_body()
        self._delegate.finish()


def _streaming(handler: type[BaseHandler]) -> type[BaseHandler]:
    """A subclass of the handler that is prepared before its body is read."""
    found: type[BaseHandler] | None = handler.__dict__.get("streaming")
    if found is None:
        found = stream_request_body(type(handler.__name__, (handler,), {"has_body": True}))
        handler.streaming = found  # type: ignore[attr-defined]
    return found
