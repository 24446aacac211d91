"""Bans: who is kept out of a room, by whom, for which reason and how long."""

import heapq
from contextlib import suppress

import msgspec

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.actions import RoomBan, RoomLiftBan
from chatserver.hooks.calls import HookCalls
from chatserver.model import Ban, MemberLeft, RoomKind, User, UserRef
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import Clock, text_of
from chatserver.service.accounts import Accounts
from chatserver.service.changes import Changes
from chatserver.service.membership import Membership, demand_member
from chatserver.service.rights import Right, demand, demand_right_to_ban
from chatserver.service.texts import clean_reason

PAGE = 100  # at most, on one page
MOST = 10_000  # in force in one room, which holds them in memory


class BanView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ban in force: of `user`, by `by`, since `at`, `until` a time or for good."""

    user: UserRef
    by: UserRef
    at: str
    reason: str = ""
    until: str | None = None


class BanList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bans by ascending user id; if there are `more`, the next page is `after` that of the answer."""

    bans: list[BanView]
    more: bool = False
    after: str | None = None


class Bans:
    """The bans of rooms, for those who moderate them."""

    def __init__(
        self,
        membership: Membership,
        accounts: Accounts,
        changes: Changes,
        hooks: HookCalls,
        clock: Clock,
    ) -> None:
        self._membership, self._accounts, self._changes = membership, accounts, changes
        self._hooks, self._clock = hooks, clock

    async def add(
        self, user: User, room: Room, other: str, reason: str = "", seconds: int | None = None
    ) -> int:
        """Keep another user (id) out of the room, for good or for `seconds`; returns the seq.

        A member is removed, and told the reason. Another ban of the same user replaces the first. In a private room
        only members are banned, as nobody else can come by themselves. Raises `ChatError` room.forbidden,
        user.not_found, limit.count, action.refused, and request.invalid for a reason of more than 500 characters.
        """
        demand(user, room, Right.MODERATE)
        banned = await self._accounts.get(other)
        if room.description is not None and room.description.kind is not RoomKind.PUBLIC:
            demand_member(room, banned.id)
        demand_right_to_ban(user, room, banned)
        action = RoomBan(
            room=room.id, member=banned.id, reason=clean_reason(reason), seconds=seconds
        )
        await self._hooks.allow(action, user)
        if len(room.bans) >= MOST and len(_in_force(room)) >= MOST:
            raise ChatError(
                "limit.count",
                f"At most {MOST} users can be banned from one room.",
                detail={"field": "bans", "reason": "count"},
            )
        until = None if seconds is None else text_of(self._clock.now() + seconds)
        ban = Ban(reason=action.reason, until=until)
        seq = await self._membership.ban(user, room, banned, ban)
        await self._tell_nodes(room)
        return seq

    async def lift(self, user: User, room: Room, other: str) -> int:
        """End the ban of a user (id), who is no member by that; returns the seq.

        Raises `ChatError` room.forbidden, and user.not_found if there is no ban.
        """
        demand(user, room, Right.MODERATE)
        await self._hooks.allow(RoomLiftBan(room=room.id, member=other), user)
        seq = await self._membership.lift(user, room, other)
        await self._tell_nodes(room)
        return seq

    def page(self, user: User, room: Room, after: str = "", limit: int = PAGE) -> BanList:
        """Bans in force by ascending user id > `after`, at most PAGE. Raises `ChatError` room.forbidden."""
        demand(user, room, Right.MODERATE)
        limit = min(limit, PAGE)
        events = (event for event in _in_force(room) if event.user.id > after)
        found = heapq.nsmallest(limit + 1, events, key=lambda event: event.user.id)
        more = len(found) > limit
        views = [_view(event) for event in found[:limit]]
        return BanList(views, more=more, after=views[-1].user.id if more and views else None)

    async def _tell_nodes(self, room: Room) -> None:
        """Tell other nodes at once of a right that was lost or given back, before they compare heads."""
        with suppress(StoreUnavailable):  # they still learn of it when they compare heads
            await self._changes.announce("room", room.id)


def _in_force(room: Room) -> list[MemberLeft]:
    return [event for user, event in room.bans.items() if room.ban_of(user) is not None]


def _view(event: MemberLeft) -> BanView:
    ban = event.ban or Ban()
    return BanView(
        user=event.user, by=event.author, at=event.at, reason=ban.reason, until=ban.until
    )
