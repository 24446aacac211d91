"""A request as plugins see it: `chatserver.Request`."""

from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from urllib.parse import parse_qsl

from tornado.httputil import HTTPHeaders

from chatserver.errors import ChatError
from chatserver.model import User
from chatserver.web.access import bearer_token
from chatserver.web.base import BaseHandler
from chatserver.web.incoming import Incoming


class PluginRequest:
    """Copies what it needs from the handler, so that the handler can be freed."""

    def __init__(self, handler: BaseHandler, incoming: Incoming | None = None) -> None:
        """`incoming` is the body, if it is streamed."""
        request = handler.request
        self.method = "GET" if request.method == "HEAD" else request.method or "GET"
        self.path = request.path
        self.address = handler.address
        self.parameters: Mapping[str, str] = handler.path_kwargs
        self.body = request.body if incoming is None and request.body else b""
        self.length = _announced(request.headers)
        self.token = handler.token
        self.has_cookie = self.token is not None and bearer_token(request) is None
        self.is_secure = handler.access.is_secure(request)
        self.is_foreign = handler.access.is_foreign(request)
        self._headers = request.headers
        self._cookies = request.cookies if "Cookie" in request.headers else {}
        self._query = request.query
        self._service, self._scope = handler.service, handler.scope
        self._user = handler._user
        self._incoming = incoming

    @cached_property
    def query(self) -> Mapping[str, str]:
        try:
            return dict(parse_qsl(self._query, keep_blank_values=True, errors="strict"))
        except ValueError as error:
            raise ChatError("request.invalid", "The query string cannot be read.") from error

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    def cookie(self, name: str) -> str | None:
        morsel = self._cookies.get(name)
        return None if morsel is None else morsel.value

    async def parts(self) -> AsyncIterator[bytes]:
        if self._incoming is not None:
            async for part in self._incoming.parts():
                yield part
        elif self.body:
            yield self.body

    async def user(self) -> User:
        if self._user is None:
            self._user = await self._service.signed_in(self.token, self.address, self._scope)
        return self._user

    @property
    def asker(self) -> str | None:
        """The id of the user who asks, once it is known."""
        return None if self._user is None else self._user.id


def _announced(headers: HTTPHeaders) -> int | None:
    """The size of the body; None if it comes in chunks."""
    if "Transfer-Encoding" in headers:
        return None
    return int(headers.get("Content-Length", "0"))
