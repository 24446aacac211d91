"""Users report messages, and those who moderate look at the reports and settle them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Context,
    GraphQLPart,
    Job,
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
from chatserver_plugins.reports.book import Book
from chatserver_plugins.reports.desk import Desk
from chatserver_plugins.reports.graphql import part
from chatserver_plugins.reports.operations import operations
from chatserver_plugins.reports.routes import routes

TIDY_SECONDS = 3600.0


class ReportsPlugin:
    """Keeps reports of messages, in a queue for each room and one for all."""

    class Config(Settings, frozen=True, kw_only=True):
        per_day: Annotated[
            int,
            msgspec.Meta(
                title="Reports of one user in a day",
                description="Most reports that one user can make in a day.",
                ge=1,
                le=500,
            ),
            translation(
                "ja", "ユーザー一人の 1 日の報告数", "一人のユーザーが 1 日にできる報告の上限です。"
            ),
        ] = 20
        most_open: Annotated[
            int,
            msgspec.Meta(
                title="Open reports",
                description="Most reported messages that wait to be settled; further ones are refused.",
                ge=1,
                le=10_000,
            ),
            translation(
                "ja",
                "未対応の報告数",
                "対応を待つ報告済みメッセージの上限です。これを超える報告は受け付けません。",
            ),
        ] = 1000
        most_settled: Annotated[
            int,
            msgspec.Meta(
                title="Settled reports",
                description="Most settled reports that are kept; the oldest ones are removed first.",
                ge=1,
                le=10_000,
            ),
            translation(
                "ja",
                "対応済みの報告数",
                "残しておく対応済みの報告の上限です。古いものから削除します。",
            ),
        ] = 1000
        keep_days: Annotated[
            float,
            msgspec.Meta(
                title="Retention of settled reports",
                description="Time for which a settled report is kept, with the copy of its message, in days.",
                gt=0,
                le=3650,
            ),
            translation(
                "ja",
                "対応済みの報告の保存期間",
                "対応済みの報告を、メッセージの写しとともに残しておく期間です。",
            ),
        ] = 90

    powers = Powers(
        service=(
            *("accounts.get", "accounts.set_disabled", "administration.demand", "history.message"),
            *("hub.tell_everybody", "hub.tell_user"),
            *("messages.delete", "rooms.bans", "rooms.describe", "rooms.get", "rooms.get_many"),
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._book: Book | None = None
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._book = self._new_book(context)
        self._desk = Desk(context, self._book)
        return routes(self._opened)

    @hookimpl
    def register_operations(self, context: Context) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_jobs(self, context: Context) -> Sequence[Job]:
        return [Job(name="reports.tidy", every=TIDY_SECONDS, run=self._tidy)]

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, modules=("reports.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = self._new_book(context)
        return [
            PersonalData(
                name="reports",
                title={"en": "Messages you reported", "ja": "報告したメッセージ"},
                export=lambda user: held_records(context.expiring, f"{user}/"),
                erase=book.forget,
            )
        ]

    def _new_book(self, context: Context) -> Book:
        config = self._config
        return Book(
            context,
            per_day=config.per_day,
            most_open=config.most_open,
            most_settled=config.most_settled,
            keep_days=config.keep_days,
        )

    async def _tidy(self) -> None:
        await self._opened().tidy()

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
