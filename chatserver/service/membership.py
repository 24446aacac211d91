"""Writes changes of a room and its members into its log, each under the conditions that it needs.

`rooms.py` checks the rights before anything waits; here they are checked again at the position where the
event enters the log.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from chatserver.config import LimitsConfig
from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import RoomAdded, RoomRemoved
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.model import (
    AnyEvent,
    Ban,
    MemberJoined,
    MemberLeft,
    RoomChanged,
    RoomKind,
    RoomRole,
    User,
    UserRef,
)
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.markers import ReadMarkers
from chatserver.service.rights import (
    Right,
    demand,
    demand_other_owner,
    demand_right_to_ban,
    outranks,
)
from chatserver.service.roomlist import RoomLists
from chatserver.service.views import room_name


class Membership:
    """Writes the events of rooms other than messages."""

    def __init__(
        self,
        log: Log,
        hub: Hub,
        markers: ReadMarkers,
        lists: RoomLists,
        limits: LimitsConfig,
    ) -> None:
        self._log, self._hub = log, hub
        self._markers, self._lists, self._limits = markers, lists, limits

    async def describe(
        self,
        user: User,
        room: Room,
        name: str | None,
        kind: RoomKind,
        topic: str = "",
        description: str = "",
    ) -> None:
        """The first event of a room. Raises `AlreadyThere` if it has one."""

        def check() -> None:
            if room.head:
                raise AlreadyThere

        author = UserRef.of(user)
        await self._log.append(
            room,
            lambda seq, at: RoomChanged(
                room=room.id,
                seq=seq,
                at=at,
                author=author,
                name=name,
                kind=kind,
                topic=topic,
                description=description,
            ),
            check,
            changes_state=True,
        )

    async def admit(
        self, user: User, room: Room, member: User, role: RoomRole, right: Right | None = None
    ) -> None:
        """Make a user a member; does nothing for a present member."""
        joined = await self._join(user, room, member, role, right)
        if joined is not None:
            await self._tell_of_start(room, member, joined)

    async def admit_all(
        self, user: User, room: Room, members: Sequence[User], role: RoomRole
    ) -> None:
        """As `admit`, but they are told only when all are in: the name of a direct room has all their names."""
        joins = (self._join(user, room, member, role, None) for member in members)
        outcomes = await asyncio.gather(*joins, return_exceptions=True)
        for member, outcome in zip(members, outcomes, strict=True):
            if isinstance(outcome, int):
                await self._tell_of_start(room, member, outcome)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _join(
        self, user: User, room: Room, member: User, role: RoomRole, right: Right | None
    ) -> int | None:
        """The seq of the event; None for a present member."""

        def check() -> None:
            if right is not None:
                demand(user, room, right)
            if room.role(member.id) is not None:
                raise AlreadyThere
            demand_no_ban_of(room, member.id)
            if len(room.members) >= self._limits.members_per_room:
                raise ChatError(
                    "limit.count",
                    "This room has reached its limit of members.",
                    detail={"field": "members", "reason": "count"},
                )

        author, subject = UserRef.of(user), UserRef.of(member)
        try:
            joined = await self._log.append(
                room,
                lambda seq, at: MemberJoined(
                    room=room.id, seq=seq, at=at, author=author, user=subject, role=role
                ),
                check,
                changes_state=True,
            )
        except AlreadyThere:
            return None
        return joined.seq

    async def _tell_of_start(self, room: Room, member: User, seq: int) -> None:
        self._lists.joined(member.id, room.id)
        await self._markers.reach(member.id, room, seq)
        assert room.description is not None
        self._hub.tell_user(
            member.id,
            RoomAdded(
                room=room.id,
                name=room_name(member, room),
                kind=room.description.kind,
                head=room.head,
            ),
        )

    async def dismiss(self, user: User, room: Room, other: str, right: Right) -> None:
        """End a membership; does nothing if there is none."""
        member = room.members.get(other)
        if member is None:
            return

        def check() -> None:
            demand_member(room, other)
            if other != user.id:
                demand_lower(user, room, other)
            elif len(room.members) > 1:
                demand_other_owner(room, other)

        left = await self.append(user, room, right, MemberLeft, check, user=member.user)
        await self._tell_of_end(room, other, left)

    async def ban(self, user: User, room: Room, other: User, ban: Ban) -> int:
        """Keep a user out of the room, and end their membership; returns the seq."""

        def check() -> None:
            demand_right_to_ban(user, room, other)

        subject = UserRef.of(other)
        seq = await self.append(
            user, room, Right.MODERATE, MemberLeft, check, user=subject, ban=ban
        )
        await self._tell_of_end(room, other.id, seq, ban)
        return seq

    async def lift(self, user: User, room: Room, other: str) -> int:
        """End the ban of a user (id); returns the seq. Raises `ChatError` user.not_found without one."""

        def check() -> None:
            if room.ban_of(other) is None:
                raise ChatError("user.not_found", "This user is not banned.")

        check()
        subject = room.bans[other].user
        return await self.append(user, room, Right.MODERATE, MemberLeft, check, user=subject)

    async def _tell_of_end(self, room: Room, user: str, seq: int, ban: Ban | None = None) -> None:
        self._lists.left(user, room.id, seq)
        with suppress(StoreUnavailable):  # other nodes still learn of it when they look at the room
            await self._markers.reach(user, room, seq)
        self._hub.tell_user(user, RoomRemoved(room=room.id, ban=ban))

    async def append(
        self,
        user: User,
        room: Room,
        right: Right,
        build: Callable[..., AnyEvent],
        check: Callable[[], None] | None = None,
        /,
        **fields: object,
    ) -> int:
        """Append an event; besides the right, `check` is called at its position and raises to refuse it."""
        author = UserRef.of(user)

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


class AlreadyThere(ChatError):
    """Another request or node was first: the change is already in the log."""

    def __init__(self) -> None:
        super().__init__("limit.count")


def demand_member(room: Room, user: str) -> None:
    """Raise `ChatError` user.not_found unless the user id is a member."""
    if room.role(user) is None:
        raise ChatError("user.not_found", "This user is not in the room.")


def demand_no_ban_of(room: Room, user: str) -> None:
    """Raise `ChatError` room.forbidden if the user (id), whom somebody else lets in, is banned."""
    if room.ban_of(user) is not None:
        raise ChatError(
            "room.forbidden",
            "This user is banned from the room.",
            detail={"field": "user", "reason": "banned"},
        )


def demand_lower(user: User, room: Room, other: str) -> None:
    """Raise `ChatError` room.forbidden unless `user` outranks the member `other`."""
    if not outranks(user, room, other):
        raise ChatError("room.forbidden")
