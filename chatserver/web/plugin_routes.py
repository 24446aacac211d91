"""HTTP addresses that plugins answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, cast

from chatserver.errors import ChatError
from chatserver.hooks.deadline import Deadline
from chatserver.hooks.guardedroutes import GuardedHandler
from chatserver.hooks.types import Reply, Route
from chatserver.web.base import BaseHandler
from chatserver.web.connection import Connection
from chatserver.web.incoming import Incoming
from chatserver.web.plugin_request import PluginRequest
from chatserver.web.plugin_streams import Stream
from chatserver.web.response_heads import is_plain_type

OPEN_BYTES = 65536  # of a body before sign-in; signed-in users may send larger ones


class PluginRoute(BaseHandler):
    """One request to a plugin's address. `serving` gives the class the methods of the route."""

    plugin: str
    handlers: dict[str, GuardedHandler]
    stream: Stream | None = None
    internal = False  # for operators only
    deadline: float | None = None  # seconds for the plugin

    def admit(self) -> None:
        super().admit()
        if self.internal and not self.is_inside():
            raise ChatError("request.not_found")

    async def answer(self, **parameters: str) -> None:
        await self.answer_to(PluginRequest.of(self))

    async def answer_to(self, request: PluginRequest, deadline: Deadline | None = None) -> None:
        try:
            reply = await self._reply(request, deadline)
        finally:
            self.asker = request.asker
        if isinstance(reply.body, bytes) and is_plain(reply) and self._is_usual():
            self._finish_at_once(reply.body, reply.content_type)
            return
        self.set_status(reply.status)
        if reply.body or reply.status not in (204, 304):
            self.set_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.set_header(name, value)
        if reply.session:
            self.give_cookie(reply.session)
        elif reply.session is not None:
            self.take_cookie()
        for cookie in reply.cookies:
            self.set_cookie(
                cookie.name,
                cookie.value,
                max_age=cookie.seconds,
                httponly=True,
                samesite="Strict" if cookie.strict else "Lax",
                secure=self.access.is_secure(self.request),
                path=cookie.path,
            )
        if isinstance(reply.body, bytes):
            self.finish(reply.body or None)
        else:
            await self._stream(reply.body)

    async def _reply(self, request: PluginRequest, deadline: Deadline | None) -> Reply:
        if self.outcome is None:
            return await self.handlers[request.method.lower()](request, deadline)
        result = self.outcome.result
        if isinstance(result, Exception):
            raise result
        return result

    async def _stream(self, parts: AsyncIterator[bytes]) -> None:
        stream = Stream(self, self.plugin, parts)
        if self.request.method == "HEAD":
            if "Content-Length" not in self._headers:
                self.set_header("Transfer-Encoding", "chunked")
            await self.flush()
            await stream.close()
            return
        try:
            stream.admit()
        except ChatError:
            await stream.close()
            raise
        self.stream = stream
        await stream.run()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self.stream is not None:
            self.stream.end()


class StreamedRoute(PluginRoute):
    """A request whose body the plugin reads part by part, or refuses."""

    streams_body = True
    incoming: Incoming | None = None  # of a request with a body, once its head is admitted

    async def admit_body(self) -> None:
        await super().admit_body()
        config = self.gate.config
        connection = cast(Connection, self.request.connection)
        connection.set_body_timeout(cast(Any, None))
        deadline = Deadline(self.deadline or config.plugins.deadline_seconds)
        self.incoming = Incoming(
            self._body_limit, config.limits.body_seconds, deadline, connection.close
        )
        self._answering = asyncio.create_task(self._answer_to_parts(self.incoming, deadline))

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return None if self.incoming is None else self.incoming.put(chunk)

    def take_body(self) -> None:
        if self.incoming is not None:
            self.incoming.end()

    async def answer(self, **parameters: str) -> None:
        if self.incoming is None:
            await super().answer(**parameters)
        else:
            await asyncio.wait([self._answering])

    async def _answer_to_parts(self, incoming: Incoming, deadline: Deadline) -> None:
        try:
            await self.answer_to(PluginRequest.of(self, incoming), deadline)
        except Exception as error:
            self._handle_request_exception(error)
        finally:
            incoming.drop()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self.incoming is not None:
            self.incoming.break_off()


def is_plain(reply: Reply) -> bool:
    """Whether there is nothing beside the body and its type."""
    has_own = reply.headers or reply.cookies or reply.session is not None
    return reply.status == 200 and not has_own and is_plain_type(reply.content_type)


def route_handler(route: Route) -> type[PluginRoute]:
    """The base of the route's handler class."""
    return StreamedRoute if route.streams_body else PluginRoute


def serving(plugin: str, route: Route) -> dict[str, Any]:
    """The attributes of the handler class for one route."""
    kind = route_handler(route)
    handlers = route.handlers
    methods = dict.fromkeys(handlers, kind.answer)
    return {
        "plugin": plugin,
        "handlers": handlers,
        "internal": route.internal,
        "most_bytes": route.body_bytes,
        "open_bytes": None if route.streams_body else OPEN_BYTES,
        "deadline": route.deadline,
        "scopes": route.scopes,
        "request_headers": route.request_headers,
        "reply_headers": route.reply_headers,
        **methods,
    }
