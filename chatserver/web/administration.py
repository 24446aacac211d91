"""What the staff of the server sees and changes over HTTP: all accounts, plugins, and what plugins claim.

Each handler parses, calls the service, and replies; `ROUTES` is the table of addresses.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver.errors import ChatError
from chatserver.model import RoomKind, User
from chatserver.service.claims import Claim
from chatserver.service.inspection import Inspected
from chatserver.service.login.sessions import OwnSession
from chatserver.service.switches import Available, PluginView
from chatserver.web.api import SignedIn
from chatserver.web.base import BaseHandler

MOST_USERS = 200  # in one answer
MOST_ROOMS = 200


class UserList(msgspec.Struct, frozen=True):
    """Accounts. With `after` there may be more: ask again with it."""

    users: list[User]
    after: str | None


class RoomSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A room as staff sees it in a list. `kind` is null, and `name` too, if the room lacks its description."""

    id: str
    name: str | None
    kind: RoomKind | None
    topic: str
    head: int
    archived: bool


class AllRoomsList(msgspec.Struct, frozen=True):
    """Rooms of every kind. With `after` there may be more: ask again with it."""

    rooms: list[RoomSummary]
    after: str | None


class SessionList(msgspec.Struct, frozen=True):
    """The sessions of a user, newest first; `current` is always false."""

    sessions: list[OwnSession]


class PluginList(msgspec.Struct, frozen=True):
    """The plugins of the node that answers; `available` are others that are installed there, and off."""

    plugins: list[PluginView]
    available: Sequence[Available]


class ClaimRelease(msgspec.Struct, frozen=True):
    """Which claims of a plugin to end: those of an action, in a room; without an action, all."""

    plugin: Annotated[str, Meta(min_length=1, max_length=64)]
    action: str | None = None
    room: str | None = None


class ClaimList(msgspec.Struct, frozen=True):
    claims: Sequence[Claim]


class AllUsers(SignedIn):
    async def get(self) -> None:
        look = self.service.inspect(await self.user(), self.address)
        after, limit = self.get_query_argument("after", ""), self.number("limit", 50, 1, MOST_USERS)
        text = self.get_query_argument("text", "")[:100]
        self.reply(UserList(*await look.find_users(text, after, limit)))


class SessionsOfUser(SignedIn):
    async def get(self, username: str) -> None:
        look = self.service.inspect(await self.user(), self.address)
        self.reply(SessionList(await look.sessions_of(username)))

    async def delete(self, username: str) -> None:
        user = await self.user()
        ended = await self.service.staff.end_sessions(user, self.token, username, self.address)
        self.reply(ended)


class AllRooms(SignedIn):
    async def get(self) -> None:
        look = self.service.inspect(await self.user(), self.address)
        after, limit = self.get_query_argument("after", ""), self.number("limit", 50, 1, MOST_ROOMS)
        text = self.get_query_argument("text", "")[:100]
        found, following = await look.find_rooms(text, after, limit)
        self.reply(AllRoomsList([_summary(room) for room in found], following))


class InstallationStatus(SignedIn):
    async def get(self) -> None:
        self.reply(await self.service.overview.look(await self.user(), self.address))


class AllPlugins(SignedIn):
    async def get(self) -> None:
        user, switches = await self.user(), self.service.switches
        found = await switches.list(user, self.address)
        self.reply(PluginList(found, switches.available(user, self.address)))


class SettingsOfPlugin(SignedIn):
    async def get(self, name: str) -> None:
        self.reply(await self.service.switches.settings(await self.user(), name, self.address))


class ReleaseClaims(SignedIn):
    json_methods = frozenset(("POST",))

    async def post(self) -> None:
        given, user = self.body(ClaimRelease), await self.user()
        self.service.administration.demand(user, self.address)
        await self.service.accounts.demand_recent(user, self.token)
        try:
            ended = await self.service.claims.release(
                given.plugin, given.action, given.room, user.id
            )
        except ValueError as error:
            raise ChatError("request.invalid", f"{error}.") from error
        self.reply(ClaimList(ended))


def _summary(room: Inspected) -> RoomSummary:
    told = room.description
    return RoomSummary(
        id=room.id,
        name=told.name if told else None,
        kind=told.kind if told else None,
        topic=told.topic if told else "",
        head=room.head,
        archived=told.archived if told else False,
    )


ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    (r"/api/v1/admin/users", AllUsers, "/api/v1/admin/users"),
    (
        r"/api/v1/admin/users/([^/]+)/sessions",
        SessionsOfUser,
        "/api/v1/admin/users/NAME/sessions",
    ),
    (r"/api/v1/admin/rooms", AllRooms, "/api/v1/admin/rooms"),
    (r"/api/v1/admin/status", InstallationStatus, "/api/v1/admin/status"),
    (r"/api/v1/admin/plugins", AllPlugins, "/api/v1/admin/plugins"),
    (
        r"/api/v1/admin/plugins/([^/]+)/settings",
        SettingsOfPlugin,
        "/api/v1/admin/plugins/NAME/settings",
    ),
    (r"/api/v1/admin/claims/release", ReleaseClaims, "/api/v1/admin/claims/release"),
]
