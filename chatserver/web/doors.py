"""The two sets of addresses of a node, for clients and for operators: built as a whole, and replaced as a whole."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from tornado.web import Application

from chatserver.hooks.types import HealthCheck, PagePart, Route
from chatserver.web.front import Front
from chatserver.web.gate import Gate
from chatserver.web.pages import StaticFiles
from chatserver.web.plugin_sockets import PluginSocket
from chatserver.web.plugin_streams import Stream
from chatserver.web.routes import application


class Addresses(NamedTuple):
    """The addresses of one set of plugins."""

    public: Application
    inner: Application


class Doors:
    """The HTTP servers of a node, whose addresses change while they listen.

    Raises `StartupError` if there is no page.
    """

    def __init__(self, gate: Gate) -> None:
        server = gate.config.server
        self._gate = gate
        self._files = StaticFiles(server.static, server.debug, server.static_url)
        self._fronts: list[tuple[Front, bool]] = []  # with whether it is for operators

    def built(
        self,
        routes: Sequence[tuple[str, Route]],
        checks: Sequence[tuple[str, HealthCheck]],
        parts: Sequence[tuple[str, PagePart]],
    ) -> Addresses:
        """The addresses with those of plugins. Changes nothing. Raises `StartupError`."""
        given: tuple[Any, ...] = (
            list(routes),
            [check for _, check in checks],
            list(parts),
            self._files,
        )
        return Addresses(
            application(self._gate, *given), application(self._gate, *given, inside=True)
        )

    def add(self, front: Front, *, inside: bool = False) -> None:
        self._fronts.append((front, inside))

    def take(self, addresses: Addresses) -> None:
        """Answer further requests at these addresses; requests under way keep theirs."""
        for front, inside in self._fronts:
            front.request_callback = addresses.inner if inside else addresses.public

    def send_away(self, plugins: Collection[str]) -> None:
        """End the open sockets and streams of these plugins as at a restart."""
        found = [
            each
            for each in self._gate.service.connections
            if isinstance(each, PluginSocket | Stream) and each.plugin in plugins
        ]
        for each in found:
            each.send_away()
