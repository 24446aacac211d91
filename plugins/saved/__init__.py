"""Messages that users save for later, each for themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Route,
    Settings,
    held_records,
    hookimpl,
    translation,
)
from chatserver_plugins.saved.graphql import part
from chatserver_plugins.saved.operations import operations
from chatserver_plugins.saved.routes import routes
from chatserver_plugins.saved.shelf import Shelf


class SavedPlugin:
    """Each user has a list of saved messages on all devices; nobody else sees it."""

    class Config(Settings, frozen=True, kw_only=True):
        per_user: Annotated[
            int,
            msgspec.Meta(
                title="Messages of one user",
                description="Most saved messages of one user.",
                ge=1,
                le=1000,
            ),
            translation(
                "ja", "ユーザー一人の件数", "一人のユーザーが保存できるメッセージの上限です。"
            ),
        ] = 1000

    powers = Powers(
        service=(
            "config.limits",
            "history.find",
            "hub.tell_user",
            "messages.by_id",
            "rooms.get_many",
            "rooms.name",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shelf: Shelf | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._shelf = Shelf(context, self._config.per_user)
        return routes(self._opened)

    @hookimpl
    def register_operations(self, context: Context) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("saved.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        shelf = Shelf(context, self._config.per_user)
        return [
            PersonalData(
                name="saved",
                title={"en": "Saved messages", "ja": "保存したメッセージ"},
                export=lambda user: held_records(context.records, f"{user}/"),
                erase=shelf.forget,
            )
        ]

    def _opened(self) -> Shelf:
        assert self._shelf is not None
        return self._shelf
