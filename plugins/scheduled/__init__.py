"""Messages that users write now and the server posts later."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Context,
    GraphQLPart,
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
from chatserver_plugins.scheduled.book import ATTEMPTS, TIMER, Book
from chatserver_plugins.scheduled.graphql import part
from chatserver_plugins.scheduled.routes import routes


class ScheduledPlugin:
    """Posts each message at its time, with the rights that its author has then."""

    class Config(Settings, frozen=True, kw_only=True):
        per_user: Annotated[
            int,
            msgspec.Meta(
                title="Messages of one user",
                description="Most scheduled messages of one user, including those that could not be posted.",
                ge=1,
                le=1000,
            ),
            translation(
                "ja",
                "ユーザー一人の予約数",
                "一人のユーザーの予約投稿の上限です。投稿できなかったものも含みます。",
            ),
        ] = 100
        longest_days: Annotated[
            int,
            msgspec.Meta(
                title="Furthest date",
                description="Most days ahead for which a message can be scheduled.",
                ge=1,
            ),
            translation("ja", "予約できる期間", "何日先まで予約できるかを指定します。"),
        ] = 366

    powers = Powers(
        service=("accounts.get", "config.limits", "messages.post", "rooms.describe", "rooms.get")
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._book: Book | None = None

    @hookimpl
    def register_timers(self, context: Context) -> Sequence[Timer]:
        self._book = Book(context, self._config.per_user, self._config.longest_days * 86400.0)
        # Before the last attempt the author is told. Later ones come only if the store did not take that.
        return [Timer(name=TIMER, run=self._book.post, attempts=2 * ATTEMPTS)]

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        return routes(self._opened)

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, late_modules=("scheduled.js",))

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = Book(context, self._config.per_user, self._config.longest_days * 86400.0)
        return [
            PersonalData(
                name="scheduled",
                title={"en": "Scheduled messages", "ja": "予約投稿"},
                export=lambda user: held_records(context.records, f"{user}/"),
                erase=book.forget,
            )
        ]

    def _opened(self) -> Book:
        assert self._book is not None
        return self._book
