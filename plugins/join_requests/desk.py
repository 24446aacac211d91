"""What users do with requests to join, at whatever door, and the rights that it needs."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    JoinAnswer,
    JoinAsk,
    Right,
    Room,
    RoomKind,
    RoomRole,
    ServerRole,
    User,
    demand_right,
    time_text,
)
from chatserver_plugins.join_requests.book import Book, Kept

PAGE = 50  # on one page, at most
NOTE_CHARS = 200
RUN = (RoomRole.OWNER, RoomRole.ADMIN)  # a room
TOLD = 50  # of those who run a room
ALL_REQUESTS = 100  # in the list over all rooms of those who run them
CHANGED = "changed"  # the notice to those who run a room, and to who asked

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Note = Annotated[str, Meta(max_length=NOTE_CHARS)]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The room that the user wants to join, and a note to those who run it."""

    room: Id
    note: Note = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The room, the user (id) who asked, and whether they are let in."""

    room: Id
    user: Id
    accept: bool


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a room takes requests."""

    room: Id
    open: bool


class JoinableRoom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A private room that one can ask to join. `asked_at` is there (RFC 3339) once the user has."""

    id: str
    name: str
    topic: str = ""
    member_count: int
    asked_at: str | None = None


class JoinableRooms(msgspec.Struct, frozen=True, omit_defaults=True):
    """Such rooms; further ones are `after` that of the answer. A page may have fewer than there is space for."""

    rooms: Sequence[JoinableRoom]
    after: str | None = None


class Asker(msgspec.Struct, frozen=True):
    """Who asks."""

    id: str
    name: str
    username: str


class JoinRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request to join a room, as those see it who run the room."""

    room: str
    room_name: str
    user: Asker
    at: str
    note: str = ""


class RequestPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Requests of one room, and whether it takes more; further ones are `after` that of the answer."""

    open: bool
    requests: Sequence[JoinRequest]
    after: str | None = None


class AllRequests(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests of all rooms that the user runs, at most ALL_REQUESTS; `more`: there are more of them."""

    requests: Sequence[JoinRequest]
    more: bool = False


class Desk:
    """Answers who asks, and who runs a room: its owners and admins, by the right to change it."""

    def __init__(self, context: Context, book: Book) -> None:
        self._context, self._book = context, book
        self._rooms, self._accounts = context.service.rooms, context.service.accounts

    # -- for those who run a room --------------------------------------------------------------------

    async def set_open(self, user: User, given: Opening) -> Opening:
        """Let the room take requests, or not: by that others find its name, topic and number of members.

        Raises `ChatError` room.not_found, room.forbidden, room.archived, and request.invalid for a room that is not
        private.
        """
        room = await self._rooms.get(given.room, user)
        demand_right(user, room, Right.CHANGE)
        if given.open and not _is_private(room):
            raise ChatError(
                "request.invalid",
                "Only a private room takes requests.",
                detail={"field": "room", "reason": "not_private"},
            )
        await (self._book.open if given.open else self._book.close)(room.id)
        return given

    async def page(self, user: User, room: str, after: str = "", limit: int = PAGE) -> RequestPage:
        """Requests of a room. Raises `ChatError` room.not_found, room.forbidden."""
        found = await self._rooms.get(room, user)
        demand_right(user, found, Right.CHANGE)
        limit = min(limit, PAGE)
        rows = await self._book.page(room, after, limit + 1)
        return RequestPage(
            open=_is_private(found) and await self._book.is_open(room),
            requests=await self._described(found, rows[:limit]),
            after=rows[limit - 1][0] if len(rows) > limit else None,
        )

    async def all(self, user: User) -> AllRequests:
        """Requests of all rooms that the user runs and that take requests: one read finds these, for any number of rooms."""
        requests: list[JoinRequest] = []
        joined = await self._rooms.joined(user)
        run = {each.id: each for each in joined if each.role(user.id) in RUN and _is_private(each)}
        for room in await self._book.open_among(list(run)):
            left = ALL_REQUESTS - len(requests)
            rows = await self._book.page(room, "", left + 1)
            requests += await self._described(run[room], rows[:left])
            if len(rows) > left:
                return AllRequests(requests, more=True)
        return AllRequests(requests)

    async def answer(self, user: User, given: Answer) -> None:
        """Let somebody in, or not. Does nothing if they do not ask any more.

        Raises `ChatError` room.not_found, room.forbidden, action.refused, and what inviting somebody raises.
        """
        room = await self._rooms.get(given.room, user)
        demand_right(user, room, Right.CHANGE)
        if await self._book.get(room.id, given.user) is None:
            return
        action = JoinAnswer(room=room.id, user=given.user, accepted=given.accept)
        await self._context.allow(action, user)
        if given.accept:
            await self._rooms.invite(user, room, given.user)
            await self._book.remove(room.id, given.user)
        else:
            await self._book.refuse(room.id, given.user)
        self._tell(room, given.user)

    # -- for those who ask ---------------------------------------------------------------------------

    async def rooms(self, user: User, after: str = "", limit: int = PAGE) -> JoinableRooms:
        """Rooms that the user can ask to join, by ascending id. Raises `ChatError` user.forbidden to guests."""
        _demand_no_guest(user)
        limit = min(limit, PAGE)
        ids = await self._book.open_rooms(after, limit + 1)
        found = await self._rooms.get_many(ids[:limit])
        asked = set(await self._book.rooms_of(user.id))
        shown = []
        for id, room in found.items():
            if not _takes(user, room):
                continue
            kept = await self._book.get(id, user.id) if id in asked else None
            shown.append(_joinable(room, kept))
        return JoinableRooms(shown, ids[limit - 1] if len(ids) > limit else None)

    async def ask(self, user: User, given: Ask) -> tuple[JoinableRoom, bool]:
        """Ask to join a room; True if the user has before, which then counts.

        Raises `ChatError` user.forbidden, action.refused, limit.count, limit.rate, and room.not_found for all rooms that
        take no requests of this user, whether they are there or not.
        """
        _demand_no_guest(user)
        room = await self._open_room(user, given.room)
        wanted = await self._context.allow(JoinAsk(room=room.id, note=given.note), user)
        kept, repeated = await self._book.add(room.id, user.id, wanted.note[:NOTE_CHARS])
        if not repeated:
            self._tell(room, user.id)
        return _joinable(room, kept), repeated

    async def withdraw(self, user: User, room: str) -> None:
        """Take a request back; does nothing if there is none."""
        if await self._book.remove(room, user.id):
            found = (await self._rooms.get_many([room])).get(room)
            if found is not None:
                self._tell(found, user.id)

    # -- shared --------------------------------------------------------------------------------------

    async def _open_room(self, user: User, room: str) -> Room:
        found = (await self._rooms.get_many([room])).get(room)
        if found is None or not _takes(user, found) or not await self._book.is_open(room):
            raise ChatError("room.not_found")
        return found

    async def _described(
        self, room: Room, rows: Sequence[tuple[str, Kept]]
    ) -> Sequence[JoinRequest]:
        """The requests of those who still have an account and have not come in by another way, which removes theirs."""
        users = await self._accounts.get_many([user for user, _ in rows])
        shown = []
        for id, kept in rows:
            asker = users.get(id)
            if asker is None or asker.deleted or room.role(id) is not None:
                await self._book.remove(room.id, id)
            elif not asker.disabled:
                shown.append(
                    JoinRequest(
                        room=room.id,
                        room_name=_name(room),
                        user=Asker(asker.id, asker.name, asker.username),
                        at=time_text(kept.at),
                        note=kept.note,
                    )
                )
        return shown

    def _tell(self, room: Room, asker: str) -> None:
        """Tell those who run the room, and who asked, to look again."""
        told = [id for id, member in room.members.items() if member.role in RUN][:TOLD]
        for user in [*told, asker]:
            self._context.tell(CHANGED, {"room": room.id}, user=user)


def _is_private(room: Room) -> bool:
    described = room.description
    return described is not None and described.kind is RoomKind.PRIVATE and not described.archived


def _takes(user: User, room: Room) -> bool:
    """Whether the room may take a request of this user: a private one that they are neither in nor banned from."""
    return _is_private(room) and room.role(user.id) is None and room.ban_of(user.id) is None


def _name(room: Room) -> str:
    return (room.description.name if room.description is not None else None) or ""


def _joinable(room: Room, kept: Kept | None) -> JoinableRoom:
    assert room.description is not None
    return JoinableRoom(
        id=room.id,
        name=_name(room),
        topic=room.description.topic,
        member_count=len(room.members),
        asked_at=None if kept is None else time_text(kept.at),
    )


def _demand_no_guest(user: User) -> None:
    if user.role is ServerRole.GUEST:
        raise ChatError("user.forbidden")
