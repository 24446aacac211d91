"""All addresses of the server, in one table."""

import re
from typing import Any

from tornado.web import Application

from chatserver.errors import StartupError
from chatserver.hooktypes import HealthCheck, Reply, Route
from chatserver.web import api
from chatserver.web.base import BaseHandler, NotFound
from chatserver.web.bodies import BoundedBodies, TooLarge
from chatserver.web.gate import Gate
from chatserver.web.health import Health, Live, Ready
from chatserver.web.pages import PageHandler, StaticFiles
from chatserver.web.socket import ChatSocket


class PluginRoute(BaseHandler):
    """An address that a plugin answers."""

    plugin_route: Route

    async def get(self) -> None:
        reply: Reply = await self.plugin_route.get(PluginRequest(self))
        self.set_status(reply.status)
        self.set_header("Content-Type", reply.content_type)
        self.finish(reply.body)


class PluginRequest:
    """A request as a plugin sees it: `chatserver.Request`."""

    def __init__(self, handler: BaseHandler) -> None:
        self._handler = handler
        self.method = handler.request.method or "GET"
        self.path = handler.request.path
        self.address = handler.address

    def header(self, name: str) -> str | None:
        return self._handler.request.headers.get(name)


def application(
    gate: Gate, routes: list[tuple[str, Route]], checks: list[HealthCheck]
) -> Application:
    """The Tornado application. `routes` come each with the name of its plugin.

    Raises `StartupError` if one's path is taken.
    """
    config = gate.config
    files = StaticFiles(config.server.static, config.server.debug)
    own: list[tuple[str, type[BaseHandler], str, dict[str, Any]]] = [
        (r"/ws", ChatSocket, "/ws", {}),
        *((path, handler, name, {}) for path, handler, name in api.ROUTES),
        (r"/health", Health, "/health", {"checks": checks}),
        (r"/health/live", Live, "/health/live", {}),
        (r"/health/ready", Ready, "/health/ready", {}),
        (r"/", PageHandler, "/", {"files": files}),
        (r"/static/(.+)", PageHandler, "/static/FILE", {"files": files}),
    ]
    for plugin, route in routes:
        if any(re.fullmatch(path, route.path) for path, _, _, _ in own):
            raise StartupError(f"plugin {plugin}: {route.path} is an address of the server itself")
        if not route.path.startswith("/"):
            raise StartupError(f"plugin {plugin}: the path {route.path!r} does not begin with /")
    own += [
        (_exact(route.path), PluginRoute, route.path, {"plugin_route": route})
        for _, route in routes
    ]
    table = [
        (path, _named(handler, name, extra), {"gate": gate}) for path, handler, name, extra in own
    ]
    return BoundedBodies(
        table,
        default_handler_class=_named(NotFound, "none", {}),
        default_handler_args={"gate": gate},
        log_function=lambda handler: None,
        body_bytes=config.limits.http_body_bytes,
        too_large=_named(TooLarge, "none", {}),
        websocket_max_message_size=config.limits.frame_bytes,
        autoreload=False,
    )


def _named(handler: type[BaseHandler], name: str, extra: dict[str, Any]) -> type[BaseHandler]:
    """The handler class for one route: with its pattern, for measures, and what it serves."""
    return type(handler.__name__, (handler,), {"route": name, **extra})


def _exact(path: str) -> str:
    return "".join(char if char.isalnum() or char in "/_-" else "\\" + char for char in path)
