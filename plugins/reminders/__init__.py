"""Reminders of messages that users set for themselves."""

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
    Timer,
    held_records,
    hookimpl,
    translation,
)
from chatserver_plugins.reminders.book import MOST, TIMER, Book
from chatserver_plugins.reminders.desk import Desk
from chatserver_plugins.reminders.graphql import part
from chatserver_plugins.reminders.operations import operations
from chatserver_plugins.reminders.routes import routes


class RemindersPlugin:
    """Tells each user at the time that they chose, on all devices, and lists what is due until it is done."""

    class Config(Settings, frozen=True, kw_only=True):
        per_user: Annotated[
            int,
            msgspec.Meta(
                title="Reminders of one user",
                description="Most reminders of one user. One that is done goes for a new one.",
                ge=1,
                le=MOST,
            ),
            translation(
                "ja",
                "ユーザー一人の件数",
                "一人のユーザーが設定できるリマインダーの上限です。完了したものは、新しいものと入れ替わります。",
            ),
        ] = 100
        longest_days: Annotated[
            int,
            msgspec.Meta(
                title="Furthest date",
                description="Most days ahead for which a reminder can be set.",
                ge=1,
            ),
            translation(
                "ja", "設定できる期間", "何日先までリマインダーを設定できるかを指定します。"
            ),
        ] = 366

    powers = Powers(
        service=(
            "config.limits",
            "history.find",
            "hub.tell_user",
            "messages.by_id",
            "notifying.remind",
            "rooms.get_many",
            "rooms.name",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._book: Book | None = None
        self._desk: Desk | None = None

    @hookimpl
    def register_timers(self, context: Context) -> Sequence[Timer]:
        self._book = Book(context, self._config.per_user)
        self._desk = Desk(context, self._book, self._config.longest_days * 86400.0)
        return [Timer(name=TIMER, run=self._book.come, attempts=None)]

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("reminders.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = Book(context, self._config.per_user)
        return [
            PersonalData(
                name="reminders",
                title={"en": "Reminders", "ja": "リマインダー"},
                export=lambda user: held_records(context.records, f"{user}/"),
                erase=book.forget,
            )
        ]

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
