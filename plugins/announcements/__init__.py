"""What staff announces to everybody: a line above the page, such as that the server will be away tonight."""

from collections.abc import Sequence
from pathlib import Path

from chatserver import (
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    Powers,
    Route,
    Settings,
    hookimpl,
)
from chatserver_plugins.announcements.board import Board
from chatserver_plugins.announcements.graphql import part
from chatserver_plugins.announcements.operations import operations
from chatserver_plugins.announcements.routes import routes


class AnnouncementsPlugin:
    """Shows one announcement at a time, on all devices of all users."""

    powers = Powers(service=("administration.demand", "hub.tell_everybody"))

    def __init__(self, config: Settings) -> None:
        self._board: Board | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._board = Board(context)
        return routes(self._opened)

    @hookimpl
    def register_operations(self, context: Context) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(
            folder=Path(__file__).parent / "page",
            modules=("announcements.js",),
            staff_modules=("staff.js",),
        )

    def _opened(self) -> Board:
        assert self._board is not None
        return self._board
