"""Blocks: whom a user wants nothing of. Each list is its user's alone.

One who is blocked cannot open a direct room with the user, write in the one of the two, or invite them; the refusal
(`user.unreachable`) says no more than that. Nor can the user write to those whom they block (`user.blocked`). In rooms
that both are in, a message of a blocked user mentions nobody who blocks them and counts as unread for none of those;
clients fold it. Staff of the server cannot be blocked, so that what they say as moderators is read.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice

import msgspec

from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import BlockChanged
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import MessagePosted, RoomKind, User
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import Clock
from chatserver.service.accounts import Accounts
from chatserver.service.rights import is_staff
from chatserver.service.views import RoomView

SPACE = "blocks"  # record space: user id -> times of blocks by user id, as JSON
MOST = 500  # users whom one user blocks
TRIES = 10  # each lost try means that another device of the user changed the list
KEPT_SECONDS = 0.25  # after this time another node's change is in force here
KEPT_USERS = 50_000
COUNTED_ROOMS, COUNTED_EVENTS = 50, 500  # looked at for unread messages of blocked users
Views = Sequence[RoomView]
NOBODY: frozenset[str] = frozenset()


class BlockedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user who is blocked since `at`."""

    id: str
    name: str
    username: str
    at: str


class BlockList(msgspec.Struct, frozen=True):
    """Those whom the user blocks, the latest first."""

    users: list[BlockedUser]


class Blocks:
    """The lists of all users, with a short-lived cache of those that were needed last."""

    def __init__(self, store: Store, accounts: Accounts, hub: Hub, clock: Clock) -> None:
        self._store, self._accounts, self._hub, self._clock = store, accounts, hub, clock
        self._kept: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    # -- one's own list ----------------------------------------------------------------------------

    async def list(self, user: User) -> BlockList:
        """Those whom the user blocks, at most MOST; without any who are staff by now, of whom a block does nothing."""
        raw = await self._store.get(SPACE, user.id)
        times = _decode(raw) if raw else {}
        known = await self._accounts.get_many(list(times))
        return BlockList(
            [
                BlockedUser(id=each, name=known[each].name, username=known[each].username, at=at)
                for each, at in reversed(times.items())
                if each in known and not is_staff(known[each])
            ]
        )

    async def add(self, user: User, other: str, but: Subscriber | None = None) -> None:
        """Block another user (id); does nothing for one who is blocked.

        The user's connections are told, except `but`. Raises `ChatError` user.not_found, user.forbidden for staff of
        the server and oneself, limit.count.
        """
        blocked = await self._accounts.get(other)
        if blocked.id == user.id or is_staff(blocked):
            raise ChatError(
                "user.forbidden",
                "Neither oneself nor staff of the server can be blocked.",
                detail={"field": "user", "reason": "staff"},
            )
        await self._change(user, blocked.id, self._clock.text(), but)

    async def remove(self, user: User, other: str, but: Subscriber | None = None) -> None:
        """Block a user (id) no longer; does nothing for one who is not blocked."""
        await self._change(user, other, None, but)

    async def _change(self, user: User, other: str, at: str | None, but: Subscriber | None) -> None:
        """Note when the other user was blocked, or (None) that they are not."""
        for _ in range(TRIES):
            old = await self._store.get(SPACE, user.id)
            times = _decode(old) if old else {}
            if (other in times) == (at is not None):
                return
            if at is None:
                del times[other]
            elif len(times) >= MOST:
                raise ChatError(
                    "limit.count",
                    f"At most {MOST} users can be blocked.",
                    detail={"field": "blocks", "reason": "count"},
                )
            else:
                times[other] = at
            if await self._write(user.id, old, msgspec.json.encode(times)):
                self._kept.pop(user.id, None)
                told = BlockChanged(user=other, blocked=at is not None)
                self._hub.tell_user(user.id, told, but=but)
                return
        raise ChatError("limit.rate", after_ms=1000)

    async def _write(self, user: str, old: bytes | None, new: bytes) -> bool:
        if old is None:
            return await self._store.add(SPACE, user, new)
        return await self._store.swap(SPACE, user, old, new)

    async def forget(self, user: str) -> None:
        """Remove the list of a user who is gone."""
        await self._store.delete(SPACE, user)
        self._kept.pop(user, None)

    # -- what follows from it ----------------------------------------------------------------------

    async def demand_reachable(self, user: User, others: Sequence[str]) -> None:
        """Raise `ChatError` user.unreachable if one of these users (ids) blocks `user`, who is not staff."""
        if await self.blockers(user, others):
            raise ChatError("user.unreachable")

    async def blockers(self, user: User, others: Sequence[str]) -> set[str]:
        """Those of these users (ids) who block `user`; nobody for staff of the server."""
        if is_staff(user) or not others:
            return set()
        return {each for each, blocked in (await self._load(others)).items() if user.id in blocked}

    async def demand_open(self, user: User, other: str) -> None:
        """Raise `ChatError` user.blocked if `user` blocks the other one (id), else as `demand_reachable`."""
        found = await self._load([user.id, other])
        if other in found[user.id] and not is_staff(await self._accounts.get(other)):
            raise ChatError("user.blocked")
        if user.id in found[other] and not is_staff(user):
            raise ChatError("user.unreachable")

    async def demand_talk(self, user: User, room: Room) -> None:
        """`demand_open` for the other one of a direct room; nothing elsewhere."""
        other = _other(user, room)
        if other is not None:
            await self.demand_open(user, other)

    def may_talk(self, user: User, room: Room) -> bool:
        """Whether `demand_talk` would raise nothing, as far as that is known without asking the store."""
        other = _other(user, room)
        if other is None:
            return True
        mine, theirs = self._known(user.id), self._known(other)
        return (
            mine is not None and theirs is not None and other not in mine and user.id not in theirs
        )

    async def counted(self, user: User, views: Sequence[RoomView], rooms: RoomCache) -> Views:
        """The views without what blocked users wrote in their unread counts.

        Looks at COUNTED_ROOMS rooms that such a user is in, at COUNTED_EVENTS of each; of others the counts stay.
        """
        blocked = (await self._load([user.id]))[user.id]
        if not blocked:
            return views
        known = await self._accounts.get_many(list(blocked))
        ignored = {each.id for each in known.values() if not is_staff(each)}
        wanted = islice(
            (
                view
                for view in views
                if view.unread
                and (room := rooms.known(view.id)) is not None
                and not room.members.keys().isdisjoint(ignored)
            ),
            COUNTED_ROOMS,
        )
        less: dict[str, RoomView] = {}
        for view in wanted:
            events = await self._store.read(view.id, view.read or 0, COUNTED_EVENTS)
            written = [
                event
                for event in events
                if isinstance(event, MessagePosted)
                and event.author.id in ignored
                and not event.is_apart
            ]
            mentions = sum(event.mentions_user(user.id) for event in written)
            less[view.id] = msgspec.structs.replace(
                view,
                unread=max(0, (view.unread or 0) - len(written)),
                mentions=max(0, (view.mentions or 0) - mentions),
            )
        return [less.get(view.id, view) for view in views]

    # -- the cache ---------------------------------------------------------------------------------

    def _known(self, user: str) -> frozenset[str] | None:
        kept = self._kept.get(user)
        return kept[1] if kept is not None and time.monotonic() < kept[0] else None

    async def _load(self, users: Sequence[str]) -> dict[str, frozenset[str]]:
        """Whom these users (ids) block."""
        found = {each: known for each in users if (known := self._known(each)) is not None}
        missing = [each for each in users if each not in found]
        if not missing:
            return found
        until = time.monotonic() + KEPT_SECONDS
        rows = await self._store.get_many(SPACE, missing)
        for each in missing:
            found[each] = frozenset(_decode(rows[each])) if each in rows else NOBODY
            self._kept[each] = until, found[each]
            self._kept.move_to_end(each)
        while len(self._kept) > KEPT_USERS:
            self._kept.popitem(last=False)
        return found


def _other(user: User, room: Room) -> str | None:
    """The id of the other one in a direct room of two; None in other rooms."""
    if room.description is None or room.description.kind is not RoomKind.DIRECT:
        return None
    others = [each for each in room.members if each != user.id]
    return others[0] if len(others) == 1 else None


_decode = msgspec.json.Decoder(dict[str, str]).decode
