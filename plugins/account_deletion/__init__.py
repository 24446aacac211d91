"""People delete their own accounts."""

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
    held_record,
    hookimpl,
    translation,
)
from chatserver_plugins.account_deletion.desk import TIMER, Desk
from chatserver_plugins.account_deletion.graphql import part
from chatserver_plugins.account_deletion.routes import routes


class AccountDeletionPlugin:
    """Lets everybody delete their own account, some days after they have asked for it and while they may change their mind."""

    class Config(Settings, frozen=True, kw_only=True):
        days: Annotated[
            int,
            msgspec.Meta(
                title="Days until the deletion",
                description="Days between the wish to delete an account and its deletion. 0: at once.",
                ge=0,
                le=90,
            ),
            translation(
                "ja",
                "削除までの日数",
                "本人が削除を申し込んでから、アカウントが削除されるまでの日数です。0: すぐに削除します。",
            ),
        ] = 7

    powers = Powers(
        service=(
            "accounts.by_name",
            "accounts.demand_recent",
            "accounts.get",
            "accounts.tell",
            "removal.delete",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._desk: Desk | None = None

    @hookimpl
    def register_timers(self, context: Context) -> Sequence[Timer]:
        self._desk = Desk(context, self._config.days * 86_400.0)
        return [Timer(name=TIMER, run=self._desk.come, attempts=None)]

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        async def erase(user: str) -> None:
            await context.timers.cancel(TIMER, user)
            await context.records.delete(user)

        return [
            PersonalData(
                name="account_deletion",
                title={"en": "Deletion of your account", "ja": "アカウントの削除の申し込み"},
                export=lambda user: held_record(context.records, user),
                erase=erase,
            )
        ]

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return routes(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(
            folder=Path(__file__).parent / "page", late_modules=("account_deletion.js",)
        )

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
