"""A request as plugins see it: `chatserver.Request`."""

from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from http.cookies import Morsel
from typing import Self
from urllib.parse import parse_qsl

from tornado.httputil import HTTPHeaders

from chatserver.errors import ChatError
from chatserver.model import Scope, User
from chatserver.service.service import Service
from chatserver.web.access import bearer_token
from chatserver.web.base import BaseHandler
from chatserver.web.incoming import Incoming


class PluginRequest:
    """The values of one request. Holds no handler, so that the handler can be freed."""

    def __init__(
        self,
        service: Service,
        *,
        method: str,
        path: str,
        headers: Mapping[str, str],
        address: str,
        token: str | None,
        scope: Scope | tuple[Scope, ...] | None,
        is_secure: bool,
        is_foreign: bool = False,
        has_cookie: bool = False,
        cookies: Mapping[str, Morsel[str]] = {},
        query: str = "",
        parameters: Mapping[str, str] = {},
        body: bytes = b"",
        length: int | None = 0,
        incoming: Incoming | None = None,
        user: User | None = None,
    ) -> None:
        """`headers` by names in any case or in lower case; `incoming` is the body, if it is streamed; `user` if known."""
        self.method, self.path, self.address = method, path, address
        self.parameters, self.body, self.length = parameters, body, length
        self.token, self.has_cookie = token, has_cookie
        self.is_secure, self.is_foreign = is_secure, is_foreign
        self._headers, self._cookies, self._query = headers, cookies, query
        self._service, self._scope = service, scope
        self._user, self._incoming = user, incoming

    @classmethod
    def of(cls, handler: BaseHandler, incoming: Incoming | None = None) -> Self:
        request, access = handler.request, handler.access
        token = handler.token
        return cls(
            handler.service,
            method="GET" if request.method == "HEAD" else request.method or "GET",
            path=request.path,
            headers=request.headers,
            address=handler.address,
            token=token,
            scope=handler.scope,
            is_secure=access.is_secure(request),
            is_foreign=access.is_foreign(request),
            has_cookie=token is not None and bearer_token(request) is None,
            cookies=request.cookies if "Cookie" in request.headers else {},
            query=request.query,
            parameters=handler.path_kwargs,
            body=request.body if incoming is None and request.body else b"",
            length=_announced(request.headers),
            incoming=incoming,
            user=handler._user,
        )

    @cached_property
    def query(self) -> Mapping[str, str]:
        try:
            return dict(parse_qsl(self._query, keep_blank_values=True, errors="strict"))
        except ValueError as error:
            raise ChatError("request.invalid", "The query string cannot be read.") from error

    def header(self, name: str) -> str | None:
        return self._headers.get(name.lower())

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
