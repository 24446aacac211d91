"""Rooms and who is in them: making, finding, joining, inviting, removing, roles, read markers."""

import hashlib
import heapq
from base64 import b32encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hub import Hub
from chatserver.interfaces import Store, Unread
from chatserver.log import Log
from chatserver.model import (
    AnyEvent,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    RoomChanged,
    RoomKind,
    RoomRole,
    User,
    UserRef,
)
from chatserver.rooms import Room, Rooms
from chatserver.service.accounts import Accounts
from chatserver.service.changes import Changes
from chatserver.service.public import PUBLIC_ROOMS, PublicRooms
from chatserver.service.rights import (
    Right,
    demand,
    demand_member_of_server,
    demand_other_owner,
    may_read,
    outranks,
)
from chatserver.service.texts import clean_name, new_id
from chatserver.service.views import (
    MemberView,
    ReadMoved,
    RoomAdded,
    RoomList,
    RoomRemoved,
    RoomView,
)
from chatserver.subscriber import Subscriber

MARKERS = "read"  # record space: "user/room" -> seq as decimal digits
MARKER_TRIES = 10  # each lost one has moved the marker forward
MEMBER_PAGE = 1000
UNREAD_EVENTS = 1000  # looked at for one room's counts: "999+" is all that is ever shown


class RoomService:
    """What can be done with rooms as such."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        log: Log,
        hub: Hub,
        accounts: Accounts,
        changes: Changes,
        limits: LimitsConfig,
    ) -> None:
        self._store, self._rooms, self._log, self._hub = store, rooms, log, hub
        self._accounts, self._limits = accounts, limits
        self._public = PublicRooms(store)
        self._changes = changes
        changes.watch("room", self._recheck)

    # -- finding -------------------------------------------------------------------------------

    async def get(self, room: str) -> Room:
        """The room, in step with the store. Raises `ChatError` room.not_found.

        Says nothing of rights: whoever calls it demands one.
        """
        found = self._rooms.loaded(room)
        while found is None:
            known = await self._rooms.load(room)
            if known is None:
                raise ChatError("room.not_found")
            if self._rooms.loaded(room) is not known:
                await self._log.refresh([known])
            if self._rooms.known(room) is known:  # else it was dropped from memory meanwhile
                found = known
        return found

    async def get_many(self, rooms: Sequence[str]) -> dict[str, Room]:
        """The rooms that there are of these, in step with the store. Says nothing of rights."""
        found = await self._rooms.load_many(rooms)
        await self._log.refresh(
            room for name, room in found.items() if not self._rooms.loaded(name)
        )
        return found

    def describe(self, user: User, room: Room) -> RoomView:
        """One room without what the user has read of it, for who may read it."""
        demand(user, room, Right.READ)
        return self._view(user, room)

    def name(self, user: User, room: Room) -> str | None:
        """What a user who may read the room knows it by: a direct one by the other's name."""
        assert room.description is not None
        if room.description.kind is not RoomKind.DIRECT:
            return room.description.name
        others = [member.user.name for member in room.members.values() if member.user.id != user.id]
        return others[0] if others else user.name

    async def view(self, user: User, room: Room) -> RoomView:
        """One room, for who may read it."""
        demand(user, room, Right.READ)
        views = await self.views(user, [room])
        if room.id not in views:  # the right was lost meanwhile
            raise ChatError("room.not_found")
        return views[room.id]

    async def views(self, user: User, rooms: Sequence[Room]) -> dict[str, RoomView]:
        """Those of the rooms that the user may read, in two queries."""
        mine = [room for room in rooms if may_read(user, room)]
        marks = await self._store.get_many(MARKERS, [f"{user.id}/{room.id}" for room in mine])
        read = {room.id: int(marks.get(f"{user.id}/{room.id}", 0)) for room in mine}
        unread = await self._store.unread(
            user.id, {room.id: _counted_from(room, read[room.id]) for room in mine}
        )
        return {
            room.id: self._view(user, room, read[room.id], unread.get(room.id, Unread(0, 0)))
            for room in mine
            if may_read(user, room)
        }

    async def visible(self, user: User, limit: int = PUBLIC_ROOMS) -> RoomList:
        """The user's rooms, with positions; then public ones to join, at most `limit`."""
        mine = await self.joined(user)
        heads = await self._store.heads([room.id for room in mine])
        marks = await self._markers(user)
        unread = await self._store.unread(
            user.id, {room.id: _counted_from(room, marks.get(room.id, 0)) for room in mine}
        )
        views = [
            self._view(
                user,
                room,
                marks.get(room.id, 0),
                unread.get(room.id, Unread(0, 0)),
                heads.get(room.id),
            )
            for room in mine
        ]
        public = await self._public.page(user, {room.id for room in mine}, "", limit)
        return RoomList([*views, *public.rooms], more=public.more)

    async def public(self, user: User, after: str, limit: int = PUBLIC_ROOMS) -> RoomList:
        """Public rooms that the user is not in, by ascending id > `after`."""
        events = await self._store.memberships(user.id)
        joined = {event.room for event in events if not isinstance(event, MemberLeft)}
        return await self._public.page(user, joined, after, limit)

    async def joined(self, user: User) -> list[Room]:
        """The rooms the user is in."""
        events = await self._store.memberships(user.id)
        ids = [event.room for event in events if not isinstance(event, MemberLeft)]
        rooms = (await self._rooms.load_many(ids)).values()
        # Another node may have changed what is in memory here; one query tells.
        await self._log.refresh(
            room
            for room in rooms
            if self._rooms.loaded(room.id) is None or room.role(user.id) is None
        )
        return [room for room in rooms if room.role(user.id) is not None]

    def members(
        self, user: User, room: Room, after: str = "", limit: int = MEMBER_PAGE
    ) -> list[MemberView]:
        """Members by ascending id > `after`, at most MEMBER_PAGE at once."""
        demand(user, room, Right.READ)
        ids = heapq.nsmallest(
            min(limit, MEMBER_PAGE), (member for member in room.members if member > after)
        )
        found = (room.members[member] for member in ids)
        return [MemberView(member.user.id, member.user.name, member.role) for member in found]

    # -- making and changing -----------------------------------------------------------------------

    async def create(
        self,
        user: User,
        kind: RoomKind,
        name: str | None,
        topic: str = "",
        members: Sequence[str] = (),
    ) -> Room:
        """Make a room with `user` as owner. A direct room exists once: a second call returns it."""
        demand_member_of_server(user)
        others = [
            await self._accounts.get(other) for other in dict.fromkeys(members) if other != user.id
        ]
        if len(others) >= self._limits.members_per_room:
            raise ChatError("limit.count")
        if kind is RoomKind.DIRECT:
            return await self._create_direct(user, others)
        for member in (user, *others):
            await self._check_room_count(member)
        room = self._rooms.keep(Room(new_id()))
        await self._describe(user, room, clean_name(name), kind, topic.strip())
        await self._admit(user, room, user, RoomRole.OWNER)
        for other in others:
            await self._admit(user, room, other, RoomRole.MEMBER)
        return room

    async def change(self, user: User, room: Room, name: str | None, topic: str | None) -> int:
        """Change name or topic; returns the seq of the change."""
        demand(user, room, Right.CHANGE)
        cleaned = None if name is None else clean_name(name)

        def changed(**fields: Any) -> RoomChanged:
            old = room.description
            assert old is not None
            return RoomChanged(
                name=old.name if cleaned is None else cleaned,
                kind=old.kind,
                topic=old.topic if topic is None else topic.strip(),
                **fields,
            )

        return await self._append(user, room, Right.CHANGE, changed)

    # -- membership ----------------------------------------------------------------------------------

    async def join(self, user: User, room: Room) -> None:
        """Join a public room; who is in already stays as they are."""
        if room.role(user.id) is not None:
            return
        demand(user, room, Right.JOIN)
        await self._check_room_count(user)
        await self._admit(user, room, user, RoomRole.MEMBER, Right.JOIN)

    async def leave(self, user: User, room: Room) -> None:
        """Leave; the last owner only as the last member."""
        demand(user, room, Right.LEAVE)
        await self._dismiss(user, room, user.id, Right.LEAVE)

    async def invite(self, user: User, room: Room, other: str) -> None:
        """Take somebody in; who is in already stays as they are."""
        demand(user, room, Right.INVITE)
        invited = await self._accounts.get(other)
        if room.role(invited.id) is None:
            await self._check_room_count(invited)
            await self._admit(user, room, invited, RoomRole.MEMBER, Right.INVITE)

    async def kick(self, user: User, room: Room, other: str) -> None:
        """Remove a member of a lower role."""
        demand(user, room, Right.MODERATE)
        _demand_member(room, other)
        if other == user.id or not outranks(user, room, other):
            raise ChatError("room.forbidden")
        await self._dismiss(user, room, other, Right.MODERATE)
        await self._tell_nodes(room)

    async def appoint(self, user: User, room: Room, other: str, role: RoomRole) -> int:
        """Give a member another role; returns the seq of the change. One owner stays owner."""
        demand(user, room, Right.APPOINT)

        def check() -> None:
            _demand_member(room, other)
            if role is not RoomRole.OWNER:
                demand_other_owner(room, other)

        check()
        member = room.members[other]
        seq = await self._append(
            user,
            room,
            Right.APPOINT,
            MemberChanged,
            check,
            user=member.user,
            role=role,
        )
        await self._tell_nodes(room)
        return seq

    # -- read markers ----------------------------------------------------------------------------

    async def mark_read(
        self, user: User, room: Room, seq: int, but: Subscriber | None = None
    ) -> int:
        """Move the user's marker forward, never beyond the head; returns where it is then.

        The user's connections are told, except the one that knows already. Raises `ChatError`
        limit.rate where others of the user's devices move it all the time.
        """
        demand(user, room, Right.READ)
        key, seq = f"{user.id}/{room.id}", min(seq, room.head)
        new = str(seq).encode()
        for _ in range(MARKER_TRIES):
            old = await self._store.get(MARKERS, key)
            if seq <= int(old or 0):
                return int(old or 0)
            if old is None:
                moved = await self._store.add(MARKERS, key, new)
            else:
                moved = await self._store.swap(MARKERS, key, old, new)
            if moved:
                self._hub.tell_user(user.id, ReadMoved(room=room.id, seq=seq), but=but)
                return seq
        raise ChatError("limit.rate", after_ms=1000)

    async def _markers(self, user: User) -> dict[str, int]:
        prefix = f"{user.id}/"
        rows = await self._store.scan(MARKERS, prefix, limit=10 * self._limits.rooms_per_user)
        return {key.removeprefix(prefix): int(value) for key, value in rows}

    # -- other nodes -----------------------------------------------------------------------------

    async def _tell_nodes(self, room: Room) -> None:
        """Somebody may do less: others are not to wait until they compare heads."""
        with suppress(StoreUnavailable):  # it stands, and they do compare heads
            await self._changes.announce("room", room.id)

    async def _recheck(self, name: str) -> None:
        """Another node removed somebody from the room, or changed a role."""
        known = self._rooms.known(name)
        if known is not None:
            await self._log.refresh([known])

    # -- shared ------------------------------------------------------------------------------------

    def _view(
        self,
        user: User,
        room: Room,
        read: int | None = None,
        unread: Unread | None = None,
        head: int | None = None,
    ) -> RoomView:
        described = room.description
        assert described is not None
        return RoomView(
            id=room.id,
            name=self.name(user, room),
            kind=described.kind,
            topic=described.topic,
            head=max(room.head, head or 0),
            joined=room.role(user.id) is not None,
            role=room.role(user.id),
            read=read,
            unread=None if unread is None else unread.messages,
            mentions=None if unread is None else unread.mentions,
        )

    async def _create_direct(self, user: User, others: Sequence[User]) -> Room:
        if len(others) > 1:
            raise ChatError("request.invalid", "A direct room is between two users.")
        pair = {user.id, *(other.id for other in others)}
        room = await self._rooms.load(direct_room_id(pair))
        if room is None:
            for member in (user, *others):
                await self._check_room_count(member)
            room = self._rooms.keep(Room(direct_room_id(pair)))
        try:
            if room.description is None:
                await self._describe(user, room, None, RoomKind.DIRECT, "")
        except ChatError as error:
            if error.code != "limit.count":
                raise
        # Also after a crash, or beside another node, between the room and its members.
        for member in (user, *others):
            if room.role(member.id) is None:
                await self._admit(user, room, member, RoomRole.MEMBER)
        return room

    async def _describe(
        self, user: User, room: Room, name: str | None, kind: RoomKind, topic: str
    ) -> None:
        """The first event of a room. Raises limit.count if it has one already."""

        def check() -> None:
            if room.head:
                raise ChatError("limit.count")

        author = UserRef(user.id, user.name)
        await self._log.append(
            room,
            lambda seq, at: RoomChanged(
                room=room.id, seq=seq, at=at, author=author, name=name, kind=kind, topic=topic
            ),
            check,
            changes_state=True,
        )

    async def _admit(
        self, user: User, room: Room, member: User, role: RoomRole, right: Right | None = None
    ) -> None:
        def check() -> None:
            if right is not None:
                demand(user, room, right)
            if room.role(member.id) is not None:
                raise _AlreadyThere
            if len(room.members) >= self._limits.members_per_room:
                raise ChatError("limit.count", "This room has all the members it can have.")

        author, subject = UserRef(user.id, user.name), UserRef(member.id, member.name)
        try:
            joined = await self._log.append(
                room,
                lambda seq, at: MemberJoined(
                    room=room.id, seq=seq, at=at, author=author, user=subject, role=role
                ),
                check,
                changes_state=True,
            )
        except _AlreadyThere:
            return
        # What was said before is not news to who comes now; an old marker stays.
        await self._store.add(MARKERS, f"{member.id}/{room.id}", str(joined.seq).encode())
        assert room.description is not None
        self._hub.tell_user(
            member.id,
            RoomAdded(
                room=room.id,
                name=self.name(member, room),
                kind=room.description.kind,
                head=room.head,
            ),
        )

    async def _dismiss(self, user: User, room: Room, other: str, right: Right) -> None:
        member = room.members.get(other)
        if member is None:
            return

        def check() -> None:
            _demand_member(room, other)
            if other == user.id:
                if len(room.members) > 1:
                    demand_other_owner(room, other)
            elif not outranks(user, room, other):
                raise ChatError("room.forbidden")

        await self._append(user, room, right, MemberLeft, check, user=member.user)
        self._hub.tell_user(other, RoomRemoved(room=room.id))

    async def _append(
        self,
        user: User,
        room: Room,
        right: Right,
        build: Callable[..., AnyEvent],
        check: Callable[[], None] | None = None,
        /,
        **fields: object,
    ) -> int:
        """Append an event; `check` is what must still hold at its position, besides the right."""
        author = UserRef(user.id, user.name)

        def checks() -> None:
            demand(user, room, right)
            if check is not None:
                check()

        event = await self._log.append(
            room,
            lambda seq, at: build(room=room.id, seq=seq, at=at, author=author, **fields),
            checks,
            changes_state=True,
        )
        return event.seq

    async def _check_room_count(self, user: User) -> None:
        events = await self._store.memberships(user.id)
        count = sum(not isinstance(event, MemberLeft) for event in events)
        if count >= self._limits.rooms_per_user:
            raise ChatError("limit.count", "This user is in as many rooms as one can be in.")


class _AlreadyThere(ChatError):
    """The member joined meanwhile: nothing is left to do."""

    def __init__(self) -> None:
        super().__init__("limit.count")


def direct_room_id(users: set[str]) -> str:
    """The one room between these users, on every node: two who make it at once make the same."""
    digest = hashlib.sha256("\n".join(sorted(users)).encode()).digest()
    return "d" + b32encode(digest).decode().lower()[:25]


def _demand_member(room: Room, user: str) -> None:
    if room.role(user) is None:
        raise ChatError("user.not_found", "This user is not in the room.")


def _counted_from(room: Room, read: int) -> int:
    """The seq after which unread messages are counted."""
    return max(read, room.head - UNREAD_EVENTS)
