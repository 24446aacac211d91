"""Read receipts: who of a room's members has read a message."""

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
    ReadMark,
    Route,
    Settings,
    held_record,
    hookimpl,
    translation,
)
from chatserver_plugins.receipts.choices import Choices
from chatserver_plugins.receipts.desk import MOST_MEMBERS, Desk, Rooms, RoomsRule
from chatserver_plugins.receipts.graphql import part
from chatserver_plugins.receipts.operations import operations
from chatserver_plugins.receipts.routes import routes
from chatserver_plugins.receipts.watching import Watching


class ReceiptsPlugin:
    """Shows who has read a message: the members of its room who let others see what they read, to one another."""

    class Config(Settings, frozen=True, kw_only=True):
        rooms: Annotated[
            Rooms,
            msgspec.Meta(
                title="Rooms",
                description="Where it is shown who has read a message. `direct`: only in direct rooms; `small`: also in "
                "rooms with few members.",
            ),
            translation(
                "ja",
                "対象のルーム",
                "既読を表示するルームです。direct はダイレクトメッセージだけ、small はメンバーの少ないルームでも表示します。",
            ),
        ] = "small"
        members: Annotated[
            int,
            msgspec.Meta(
                title="Members of a small room",
                description="Most members of a room that is small.",
                ge=2,
                le=MOST_MEMBERS,
            ),
            translation(
                "ja", "少人数のルームのメンバー数", "少人数とみなすルームのメンバー数の上限です。"
            ),
        ] = 100
        shown: Annotated[
            bool,
            msgspec.Meta(
                title="Shown unless they object",
                description="Whether others are shown what somebody has read who has chosen nothing. If not, receipts "
                "are there only among those who have switched them on.",
            ),
            translation(
                "ja",
                "初期設定で表示",
                "設定を変更していない人の既読を、ほかの人に表示するかどうかです。"
                "無効にすると、自分で有効にした人の間でだけ既読が表示されます。",
            ),
        ] = True

    powers = Powers(
        service=(
            *("hub.tell_user", "messages.by_id"),
            *("rooms.get", "rooms.imported", "rooms.member_pages", "rooms.read_marks"),
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self.read_rooms: set[str] = (
            set()
        )  # those that somebody watches: `on_read` is for them alone
        self._choices: Choices | None = None
        self._desk: Desk | None = None
        self._watching: Watching | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        config = self._config
        self._choices = Choices(context.records, shown=config.shown)
        rule = RoomsRule(config.rooms, config.members)
        self._desk = Desk(context, self._choices, rule)
        self._watching = Watching(self._desk, self.read_rooms)
        return routes(self._opened)

    @hookimpl
    def register_operations(self, context: Context) -> Sequence[Operation]:
        return operations(self._opened, self._watched, context)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened, self._watched)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("receipts.js",))

    @hookimpl
    async def on_read(self, mark: ReadMark) -> None:
        self._watched().moved(mark.room)

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        choices = Choices(context.records, shown=self._config.shown)
        return [
            PersonalData(
                name="receipts",
                title={"en": "Whether others see what you read", "ja": "既読を表示するかどうか"},
                export=lambda user: held_record(context.records, user),
                erase=choices.forget,
            )
        ]

    @hookimpl
    async def shutdown(self) -> None:
        if self._watching is not None:
            await self._watching.close()

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk

    def _watched(self) -> Watching:
        assert self._watching is not None
        return self._watching
