"""Users say more about themselves than their name: what they do, how to speak of them, and what time it is for them."""

from collections.abc import Sequence
from pathlib import Path

from chatserver import (
    AccountChange,
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    Powers,
    Route,
    Settings,
    hookimpl,
)
from chatserver_plugins.profiles.desk import Desk
from chatserver_plugins.profiles.graphql import part
from chatserver_plugins.profiles.operations import operations
from chatserver_plugins.profiles.routes import routes


class ProfilesPlugin:
    """Everybody who may know of a user can read what they say."""

    powers = Powers(
        service=("accounts.get", "accounts.tell", "administration.demand", "people.known_to")
    )

    def __init__(self, config: Settings) -> None:
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._desk = Desk(context)
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("profiles.js",))

    @hookimpl
    async def on_account(self, change: AccountChange) -> None:
        if change.what == "deleted":
            await self._opened().forget(change.user)

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
