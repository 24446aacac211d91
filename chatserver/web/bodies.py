"""Requests with a body: if the head alone is reason to refuse one, its body is not read.

Tornado prepares a handler with a streamed body before it reads the body, so `BaseHandler.prepare` can refuse
it. Requests without a body are not streamed, as that would cost each of them two turns of the loop.
"""

from collections.abc import Awaitable
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
from tornado.routing import _RoutingDelegate
from tornado.web import Application, _HandlerDelegate

from chatserver.errors import ChatError
from chatserver.web.base import BaseHandler
from chatserver.web.connection import THROWN_AWAY, Connection


class BodiesAfterHeads(Application):
    """An application whose handlers get bodies only once they have agreed to the head."""

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return _Routing(self, server_conn, request_conn)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        found = super().find_handler(request, **kwargs)
        headers = request.headers
        if "Transfer-Encoding" not in headers and headers.get("Content-Length", "0") == "0":
            return found
        # The handler has a limit of its own; bytes beyond it are thrown away, up to this many.
        connection = cast(Connection, request.connection)
        connection.set_max_body_size(max(THROWN_AWAY, self.settings["body_bytes"]))
        found.handler_class = _streaming(cast(type[BaseHandler], found.handler_class))
        found.stream_request_body = True
        return _Body(found)


class _Routing(_RoutingDelegate):
    """Tornado's delegate, which also answers if Tornado cannot parse an address or a host."""

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        try:
            return super().headers_received(start_line, headers)
        except HTTPInputError:
            self.delegate = HTTPMessageDelegate()
            error = ChatError("request.invalid", "The address or the host cannot be read.")
            cast(Connection, self.request_conn).refuse(error)
            return None


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
    found: type[BaseHandler] | None = handler.__dict__.get("_streaming")
    if found is None:
        found = type(handler.__name__, (handler,), {"_stream_request_body": True})
        handler._streaming = found  # type: ignore[attr-defined]
    return found
