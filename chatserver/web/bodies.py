"""Request bodies over the limit: read and thrown away, so that the client gets to see its answer.

Tornado cuts such a connection off with the client still writing, which then sees a reset.
"""

from collections.abc import Awaitable
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application

from chatserver.errors import ChatError
from chatserver.web.base import BaseHandler

THROWN_AWAY = 16 * 1024 * 1024  # bytes of one body; a client that sends more is cut off


class TooLarge(BaseHandler):
    """Answers in place of the handler that the body was meant for."""

    def prepare(self) -> None:
        super().prepare()
        raise ChatError("request.too_large")


class BoundedBodies(Application):
    """An application whose settings `body_bytes` and `too_large` say what is refused, and by whom."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        accepted = cast(HTTPMessageDelegate, super().find_handler(request, **kwargs))
        headers, limit = request.headers, self.settings["body_bytes"]
        size = headers.get("Content-Length", "0")
        if "Transfer-Encoding" not in headers and (not size.isdigit() or int(size[:20]) <= limit):
            return accepted
        cast(HTTP1Connection, request.connection).set_max_body_size(THROWN_AWAY)
        refused = self.get_handler_delegate(
            request, self.settings["too_large"], self.settings["default_handler_args"]
        )
        return _Body(limit, accepted, refused)


class _Body(HTTPMessageDelegate):
    """Hands a body on up to the limit."""

    def __init__(
        self, limit: int, accepted: HTTPMessageDelegate, refused: HTTPMessageDelegate
    ) -> None:
        self._left = limit
        self._delegate, self._refused = accepted, refused

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._left -= len(chunk)
        if self._left >= 0:
            return self._delegate.data_received(chunk)
        self._delegate = self._refused
        return None

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
