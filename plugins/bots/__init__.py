"""Bots that people make: accounts without a password, which tokens sign in. See docs/bots.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import click
import msgspec

from chatserver import (
    AccountChange,
    Context,
    Due,
    GraphQLPart,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Route,
    RunInServer,
    Settings,
    Timer,
    TokenKind,
    User,
    hookimpl,
    translation,
)
from chatserver_plugins.bots.book import EXPIRY, Book
from chatserver_plugins.bots.commands import commands
from chatserver_plugins.bots.desk import Desk, Makers, may_own
from chatserver_plugins.bots.gatekeeper import Gatekeeper
from chatserver_plugins.bots.graphql import part
from chatserver_plugins.bots.operations import operations
from chatserver_plugins.bots.routes import routes
from chatserver_plugins.bots.tokens import PREFIX


class BotsPlugin:
    """Bots have an owner, and tokens that each are for some things alone."""

    class Config(Settings, frozen=True, kw_only=True):
        makers: Annotated[
            Makers,
            msgspec.Meta(
                title="Who has bots",
                description="`staff`: only staff of the server; `members`: all members. Guests have none. The bots "
                "of those who may have none are stopped.",
            ),
            translation(
                "ja",
                "ボットを持てる人",
                "staff はサーバーのスタッフだけ、members はメンバー全員です。ゲストは持てません。"
                "持てなくなった人のボットは停止します。",
            ),
        ] = "staff"
        per_user: Annotated[
            int,
            msgspec.Meta(
                title="Bots of one user", description="Most bots of one user.", ge=1, le=500
            ),
            translation("ja", "ユーザー一人のボット数", "一人のユーザーが持てるボットの上限です。"),
        ] = 20
        tokens: Annotated[
            int,
            msgspec.Meta(
                title="Tokens of one bot", description="Most tokens of one bot.", ge=1, le=50
            ),
            translation("ja", "ボット一つのトークン数", "一つのボットが持てるトークンの上限です。"),
        ] = 10

    powers = Powers(
        service=(
            "accounts.add_bot",
            "accounts.get",
            "accounts.get_many",
            "accounts.named",
            "accounts.recheck",
            "accounts.rename",
            "accounts.set_disabled",
            "accounts.tell",
            "administration.demand",
            "removal.delete",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._gatekeeper: Gatekeeper | None = None
        self._desk: Desk | None = None

    @hookimpl
    def register_token_kinds(self, context: Context) -> Sequence[TokenKind]:
        book = Book(context, self._config.per_user, self._config.tokens)
        self._gatekeeper = Gatekeeper(context, book, self._may_own)
        self._desk = Desk(context, book, self._gatekeeper, self._config.makers)
        return [TokenKind(prefix=PREFIX, find=self._gatekeeper.find)]

    @hookimpl
    def register_timers(self) -> Sequence[Timer]:
        return [Timer(name=EXPIRY, run=self._end)]

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
        folder = Path(__file__).parent / "page"
        own = ("bots.js",) if self._config.makers == "members" else ()
        return PagePart(folder=folder, modules=own, staff_modules=("staff.js",))

    @hookimpl
    def register_cli(self, run: RunInServer) -> click.Command:
        config = self._config
        return commands(run, config.per_user, config.tokens, config.makers)

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = Book(context, self._config.per_user, self._config.tokens)

        async def erase(user: str) -> None:
            await self._opened().forget(user)
            await self._opened().owner_gone(user)

        return [
            PersonalData(
                name="bots",
                title={"en": "Bots", "ja": "ボット"},
                export=book.held,
                erase=erase,
            )
        ]

    @hookimpl
    async def on_account(self, change: AccountChange) -> None:
        if change.what in ("deleted", "locked", "role"):
            await self._opened().owner_changed(change.user)

    async def _end(self, due: Due) -> None:
        await self._opened().token_ended(due.key)

    def _may_own(self, user: User) -> bool:
        return may_own(user, self._config.makers)

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
