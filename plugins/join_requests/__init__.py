"""Private rooms that one can ask to be let into."""

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
    hookimpl,
    translation,
)
from chatserver_plugins.join_requests.book import Book
from chatserver_plugins.join_requests.desk import Desk
from chatserver_plugins.join_requests.graphql import part
from chatserver_plugins.join_requests.operations import operations
from chatserver_plugins.join_requests.routes import routes


class JoinRequestsPlugin:
    """Lists those private rooms that are open for it, takes requests to join, and lets those who run a room answer."""

    class Config(Settings, frozen=True, kw_only=True):
        per_user: Annotated[
            int,
            msgspec.Meta(
                title="Requests of one user",
                description="Most rooms that one user waits to be let into.",
                ge=1,
                le=1000,
            ),
            translation(
                "ja", "ユーザー一人の件数", "一人のユーザーが同時に参加を申請できるルームの数です。"
            ),
        ] = 20
        per_room: Annotated[
            int,
            msgspec.Meta(
                title="Requests of one room",
                description="Most users who wait to be let into one room.",
                ge=1,
                le=10_000,
            ),
            translation("ja", "ルーム一つの件数", "一つのルームで受け付ける申請の数です。"),
        ] = 500
        again_days: Annotated[
            int,
            msgspec.Meta(
                title="Days after a refusal",
                description="Days for which somebody who was refused cannot ask again.",
                ge=0,
                le=365,
            ),
            translation(
                "ja",
                "断られた後の日数",
                "断られた人が、もう一度申請できるようになるまでの日数です。",
            ),
        ] = 7

    powers = Powers(
        service=(
            "accounts.get_many",
            "hub.tell_user",
            "rooms.get",
            "rooms.get_many",
            "rooms.invite",
            "rooms.joined",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._desk = Desk(context, self._new_book(context))
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("join_requests.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = self._new_book(context)
        return [
            PersonalData(
                name="join_requests",
                title={"en": "Requests to join rooms", "ja": "ルームへの参加申請"},
                export=book.held,
                erase=book.forget,
            )
        ]

    def _new_book(self, context: Context) -> Book:
        config = self._config
        return Book(context, config.per_user, config.per_room, config.again_days * 86_400.0)

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
