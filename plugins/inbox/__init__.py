"""What happened to a user's own messages, and where they were mentioned: one list, the same on all devices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Consumer,
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Route,
    Settings,
    User,
    all_of,
    held_record,
    held_records,
    hookimpl,
    translation,
)
from chatserver_plugins.inbox.book import Book
from chatserver_plugins.inbox.collecting import KINDS, Collecting, concerns
from chatserver_plugins.inbox.desk import Desk
from chatserver_plugins.inbox.following import Following
from chatserver_plugins.inbox.graphql import part
from chatserver_plugins.inbox.operations import operations
from chatserver_plugins.inbox.routes import routes


class InboxPlugin:
    """Notes mentions, replies, threads and reactions from the log, and shows them to those who may still read them."""

    class Config(Settings, frozen=True, kw_only=True):
        keep_days: Annotated[
            int,
            msgspec.Meta(
                title="Retention",
                description="Time for which an entry is kept, in days.",
                ge=1,
                le=3650,
            ),
            translation("ja", "保存期間", "通知一覧の項目を残しておく日数です。"),
        ] = 90

    powers = Powers(
        service=(
            *("accounts.get_many", "blocks.list", "config.limits"),
            *("history.find", "history.standing"),
            *(
                "hub.tell_user",
                "messages.by_id",
                "notifying.concern",
                "rooms.get_many",
                "rooms.views",
            ),
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._book: Book | None = None
        self._following: Following | None = None
        self._desk: Desk | None = None

    @hookimpl
    def register_consumers(self, context: Context) -> Sequence[Consumer]:
        seconds = self._config.keep_days * 86400.0
        self._book, self._following = Book(context, seconds), Following(context, seconds)
        self._desk = Desk(context, self._book, self._following)
        collecting = Collecting(context, self._book, self._following)
        # Of a message to everybody in a room thousands may get an entry.
        return [
            Consumer(
                name="inbox.entries",
                handle=collecting.handle,
                kinds=KINDS,
                wants=concerns,
                batch=20,
                deadline=120.0,
            )
        ]

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
        return PagePart(folder=Path(__file__).parent / "page", modules=("inbox.js",))

    @hookimpl
    async def threads_read(self, user: User, threads: Sequence[str]) -> Mapping[str, int] | None:
        return await self._following.read_of(user.id, threads) if self._following else None

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        seconds = self._config.keep_days * 86400.0
        book, following = Book(context, seconds), Following(context, seconds)

        async def erase(user: str) -> None:
            await book.forget(user)
            await following.forget(user)

        return [
            PersonalData(
                name="inbox",
                title={"en": "Notifications", "ja": "通知一覧"},
                export=lambda user: all_of(
                    held_records(context.expiring, f"{user}/"),
                    held_record(context.records, f"seen/{user}"),
                    held_records(context.expiring, f"of/{user}/"),
                ),
                erase=erase,
            )
        ]

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
