"""What users are writing, on all their devices."""

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
from chatserver_plugins.drafts.desk import Desk
from chatserver_plugins.drafts.graphql import part
from chatserver_plugins.drafts.operations import operations
from chatserver_plugins.drafts.routes import routes
from chatserver_plugins.drafts.shelf import DAY, MOST, Shelf


class DraftsPlugin:
    """What a user has begun to write on one device stands on the others; nobody else sees it."""

    class Config(Settings, frozen=True, kw_only=True):
        per_user: Annotated[
            int,
            msgspec.Meta(
                title="Drafts of one user",
                description="Most drafts of one user. The oldest goes for a new one.",
                ge=1,
                le=MOST,
            ),
            translation(
                "ja",
                "ユーザー一人の件数",
                "一人のユーザーの下書きの上限です。超えると、最も古いものが削除されます。",
            ),
        ] = 200
        keep_days: Annotated[
            int,
            msgspec.Meta(
                title="Retention",
                description="Time for which a draft is kept after its last change, in days.",
                ge=1,
                le=3650,
            ),
            translation("ja", "保存期間", "下書きを最後の変更から残しておく日数です。"),
        ] = 90

    powers = Powers(
        service=(
            "config.limits",
            "history.find",
            "hub.tell_user",
            "messages.by_id",
            "rooms.get",
            "rooms.get_many",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shelf: Shelf | None = None
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._shelf = Shelf(context, self._config.per_user, self._config.keep_days * DAY)
        self._desk = Desk(context, self._shelf)
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("drafts.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        shelf = Shelf(context, self._config.per_user, self._config.keep_days * DAY)
        return [
            PersonalData(
                name="drafts",
                title={"en": "Drafts", "ja": "下書き"},
                export=lambda user: held_records(context.expiring, f"{user}/"),
                erase=shelf.forget,
            )
        ]

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
