"""Users say more about themselves than their name: what they do, how to speak of them, and what time it is for them."""

from collections.abc import Sequence
from pathlib import Path

from chatserver import (
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Route,
    Settings,
    held_record,
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
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        desk = Desk(context)
        return [
            PersonalData(
                name="profiles",
                title={"en": "Profile", "ja": "プロフィール"},
                export=lambda user: held_record(context.records, user),
                erase=desk.forget,
            )
        ]

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
