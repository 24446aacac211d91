"""Groups of users: whoever writes the name of one behind `@` mentions those of its members who are in the room."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    BotCreate,
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Register,
    Route,
    Settings,
    hookimpl,
    translation,
)
from chatserver_plugins.groups.book import MOST, Book
from chatserver_plugins.groups.desk import Desk, Makers
from chatserver_plugins.groups.graphql import part
from chatserver_plugins.groups.operations import operations
from chatserver_plugins.groups.routes import routes


class GroupsPlugin:
    """Keeps groups of users. A name of a group is no name of a user, unless an operator or a provider gives it to one."""

    class Config(Settings, frozen=True, kw_only=True):
        makers: Annotated[
            Makers,
            msgspec.Meta(
                title="Who makes groups",
                description="`staff`: only staff of the server; `members`: all members, each of whom changes those "
                "of their own. Guests never make groups.",
            ),
            translation(
                "ja",
                "グループを作成できる人",
                "staff はサーバーのスタッフだけ、members はメンバー全員が作成でき、自分の作成したグループを変更できます。"
                "ゲストは作成できません。",
            ),
        ] = "staff"
        most: Annotated[
            int,
            msgspec.Meta(
                title="Groups of the server",
                description="Most groups that the server has.",
                ge=1,
                le=MOST,
            ),
            translation("ja", "サーバーのグループの数", "サーバーに作成できるグループの上限です。"),
        ] = 200
        most_members: Annotated[
            int,
            msgspec.Meta(
                title="Members of a group",
                description="Most members of one group.",
                ge=1,
                le=MOST,
            ),
            translation("ja", "グループのメンバーの数", "一つのグループのメンバーの上限です。"),
        ] = 500
        most_by_member: Annotated[
            int,
            msgspec.Meta(
                title="Groups by one member",
                description="Most groups that one member can make, if members may make some.",
                ge=1,
                le=MOST,
            ),
            translation(
                "ja",
                "メンバー一人のグループの数",
                "メンバーが作成できる場合に、一人が作成できるグループの上限です。",
            ),
        ] = 10

    powers = Powers(
        service=(
            *("accounts.by_name", "accounts.get_many", "accounts.tell"),
            *("administration.demand", "hub.tell_everybody", "people.known_to"),
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._desk = self._new_desk(context)
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("groups.js",))

    @hookimpl
    async def find_groups(self, names: Sequence[str]) -> Mapping[str, Collection[str]]:
        return await self._opened().members_of(names)

    @hookimpl(actions=(Register, BotCreate))
    async def check_action(self, action: Register | BotCreate) -> None:
        """Keep the names of groups from users. By another way of signing in, a name is only a suggestion."""
        if isinstance(action, BotCreate) or action.method == "password":
            await self._opened().demand_no_group(action.username)

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        desk = self._new_desk(context)
        return [
            PersonalData(
                name="groups",
                title={"en": "Groups", "ja": "グループ"},
                export=desk.held,
                erase=desk.forget,
            )
        ]

    def _new_desk(self, context: Context) -> Desk:
        config = self._config
        return Desk(
            context,
            Book(context.records, config.most, config.most_members),
            makers=config.makers,
            most_by_member=config.most_by_member,
        )

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
