"""A list of who is here, in which people find each other by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    AccountChange,
    Context,
    GraphQLPart,
    Job,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Route,
    Settings,
    hookimpl,
    translation,
)
from chatserver_plugins.directory.desk import Desk, Who
from chatserver_plugins.directory.graphql import part
from chatserver_plugins.directory.index import Index
from chatserver_plugins.directory.keeping import DEADLINE, EVERY, JOB, Keeper
from chatserver_plugins.directory.operations import operations
from chatserver_plugins.directory.routes import routes


class DirectoryPlugin:
    """Shows users the people of the server by name, and finds those whose names have a word that begins with a text."""

    class Config(Settings, frozen=True, kw_only=True):
        who: Annotated[
            Who,
            msgspec.Meta(
                title="Who may look",
                description="Whom the list of people is for. Guests find those alone with whom they share a room.",
            ),
            translation(
                "ja",
                "一覧を見られる人",
                "メンバー一覧を誰が見られるかを指定します。ゲストに見えるのは、同じルームにいる人だけです。",
            ),
        ] = "members"

    powers = Powers(service=("accounts.get", "accounts.list", "people.known_to"))

    def __init__(self, config: Config) -> None:
        self._who = config.who
        self._keeper: Keeper | None = None
        self._desk: Desk | None = None

    @hookimpl
    def register_jobs(self, context: Context) -> Sequence[Job]:
        index = Index(context)
        self._keeper, self._desk = Keeper(context, index), Desk(context, index, self._who)
        return [Job(name=JOB, every=EVERY, run=self._keeper.look_through, deadline=DEADLINE)]

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
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("directory.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        index = Index(context)
        return [
            PersonalData(
                name="directory",
                title={"en": "Names by which you are found", "ja": "検索に使われる名前"},
                export=index.held,
                erase=index.forget,
            )
        ]

    @hookimpl
    async def on_account(self, change: AccountChange) -> None:
        if self._keeper is not None:
            await self._keeper.follow(change)

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
