"""HTTP addresses that plugins answer."""

from collections.abc import AsyncIterator
from typing import Any

from chatserver.errors import ChatError
from chatserver.hooks.types import Handler, Route
from chatserver.web.base import BaseHandler
from chatserver.web.plugin_request import PluginRequest
from chatserver.web.plugin_streams import Stream

OPEN_BYTES = 65536  # of a body before sign-in; signed-in users may send larger ones


class PluginRoute(BaseHandler):
    """One request to a plugin's address. `serving` gives the class the methods of the route."""

    plugin: str
    handlers: dict[str, Handler]
    stream: Stream | None = None
    internal = False  # for operators only

    def admit(self) -> None:
        super().admit()
        if self.internal and not self.is_inside():
            raise ChatError("request.not_found")

    async def answer(self) -> None:
        request = PluginRequest(self)
        try:
            reply = await self.handlers[request.method.lower()](request)
        finally:
            self.asker = request.asker
        self.set_status(reply.status)
        if reply.body or reply.status not in (204, 304):
            self.set_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.set_header(name, value)
        if reply.session:
            self.give_cookie(reply.session)
        elif reply.session is not None:
            self.take_cookie()
        if isinstance(reply.body, bytes):
            self.finish(reply.body or None)
        else:
            await self._stream(reply.body)

    async def _stream(self, parts: AsyncIterator[bytes]) -> None:
        stream = Stream(self, self.plugin, parts)
        if self.request.method == "HEAD":
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


def serving(plugin: str, route: Route) -> dict[str, Any]:
    """The attributes of the handler class for one route."""
    handlers = route.handlers
    methods = dict.fromkeys(handlers, PluginRoute.answer)
    return {
        "plugin": plugin,
        "handlers": handlers,
        "internal": route.internal,
        "most_bytes": route.body_bytes,
        "open_bytes": OPEN_BYTES,
        **methods,
    }
