"""All addresses of the server, in one table."""

import re
from typing import Any

from tornado.routing import PathMatches, Rule
from tornado.web import Application

from chatserver.errors import StartupError
from chatserver.hooks.types import HealthCheck, PagePart, Route
from chatserver.service.scopes import ROUTES
from chatserver.web import administration, api, login, messages, people
from chatserver.web.base import BaseHandler, NotFound
from chatserver.web.bodies import BodiesAfterHeads
from chatserver.web.gate import Gate
from chatserver.web.health import Health, Live, Ready, SharedCheck, Work
from chatserver.web.page_parts import Address, addresses
from chatserver.web.pages import FileHandler, PageHandler, StaticFiles
from chatserver.web.paths import Pattern, pattern
from chatserver.web.plugin_routes import route_handler, serving
from chatserver.web.plugin_sockets import PluginUpgrade, UpgradesAt
from chatserver.web.short_way import posted
from chatserver.web.traced_request import TracedRequest
from chatserver.web.websocket.socket import ChatSocket
from chatserver.web.websocket.upgrade import Upgrade


def application(
    gate: Gate,
    routes: list[tuple[str, Route]],
    checks: list[HealthCheck],
    parts: list[tuple[str, PagePart]],
    files: StaticFiles,
    *,
    inside: bool = False,
) -> Application:
    """The Tornado application. `routes` are pairs of a plugin's name and its route, `parts` those of the page,
    `files` the page's own files.

    `inside` is true for the listener for operators; elsewhere only their networks see metrics and details.

    Raises `StartupError` if the path of a route is taken.
    """
    config = gate.config
    database = SharedCheck(HealthCheck("database", gate.service.ping))
    clients: list[Address] = [
        (r"/ws", ChatSocket, "/ws", {}),
        *(
            (path, handler, name, {})
            for module in (api, login, administration, people, messages)
            for path, handler, name in module.ROUTES
        ),
        (r"/", PageHandler, "/", {"files": files, "origin": files.origin}),
        (r"/m/[^/]+", PageHandler, "/m/ID", {"files": files, "origin": files.origin}),
        (r"/static/(.+)", FileHandler, "/static/FILE", {"files": files, "origin": files.origin}),
        *addresses(parts, debug=config.server.debug),
    ]
    operators: list[Address] = [
        (r"/health", Health, "/health", {"checks": [database, *map(SharedCheck, checks)]}),
        (r"/health/work", Work, "/health/work", {}),
        (r"/health/live", Live, "/health/live", {}),
        (r"/health/ready", Ready, "/health/ready", {"checks": [database]}),
    ]
    own = [*clients, *operators]
    arranged = _arranged(routes)
    for plugin, route, matches in arranged:
        if not route.handlers and route.socket is None:
            raise StartupError(f"plugin {plugin}: {route.path} answers nothing")
        if any(re.fullmatch(path, matches.example) for path, _, _, _ in own):
            raise StartupError(f"plugin {plugin}: {route.path} is an address of the server itself")
    table: list[Any] = [
        (
            path,
            _named(gate, handler, name, {"scopes": ROUTES.get(name, {}), **extra}),
            {"gate": gate},
        )
        for path, handler, name, extra in (own if gate.takes_connections else operators)
    ]
    for plugin, route, matches in arranged:
        if gate.takes_connections or route.every_node:
            table += _of_plugin(gate, plugin, route, matches.regex)
    made = BodiesAfterHeads(
        table,
        default_handler_class=_named(gate, NotFound, "none", {}),
        default_handler_args={"gate": gate},
        log_function=lambda handler: None,
        body_bytes=config.limits.http_body_bytes,
        inside=inside,
        websocket_max_message_size=config.limits.frame_bytes,
        autoreload=False,
    )
    made.posts = posted(gate, (route for _, route, _ in arranged))
    return made


def _arranged(routes: list[tuple[str, Route]]) -> list[tuple[str, Route, Pattern]]:
    """The routes with their patterns; of those that match one request the one that answers it comes first.

    Raises `StartupError`, also for two that match the same requests.
    """
    found: dict[str, tuple[str, Route, Pattern]] = {}
    for plugin, route in routes:
        try:
            matches = pattern(route.path)
        except StartupError as error:
            raise StartupError(f"plugin {plugin}: {error}") from error
        other = found.setdefault(matches.shape, (plugin, route, matches))
        if other[1] is not route:
            raise StartupError(
                f"plugin {plugin}: {route.path} matches the same as {other[1].path} of {other[0]}"
            )
    return sorted(found.values(), key=lambda each: each[2].rank)


def _of_plugin(gate: Gate, plugin: str, route: Route, path: str) -> list[Any]:
    """The rules for one route of a plugin: one for upgrades, one for all other requests."""
    name, rules = route.path, []
    form = {} if route.show_error is None else {"show_error": staticmethod(route.show_error)}
    if route.socket is not None:
        upgrade = _named(
            gate,
            PluginUpgrade,
            name,
            {"plugin": plugin, "door": route.socket, "scopes": route.scopes, **form},
        )
        matcher = UpgradesAt(path) if route.handlers else PathMatches(path)
        rules.append(Rule(matcher, upgrade, {"gate": gate}))
    if route.handlers:
        handler = _named(gate, route_handler(route), name, {**serving(plugin, route), **form})
        rules.append(Rule(PathMatches(path), handler, {"gate": gate}))
    return rules


def _named(
    gate: Gate, handler: type[BaseHandler], name: str, extra: dict[str, Any]
) -> type[BaseHandler]:
    """The handler class for one route, with its pattern for metrics and further attributes."""
    is_traced = gate.tracer is not None and not issubclass(handler, Upgrade)
    bases = (TracedRequest, handler) if is_traced else (handler,)
    return type(handler.__name__, bases, {"route": name, **extra})
