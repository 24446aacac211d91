"""Deletes rooms for good: at once for everybody, and soon after that from the store.

A room is deleted by the last description in its log. From there on nobody has a right in it, on any node, and it is
found nowhere. Then its members leave, and its events are removed: empty places are left, and events of members and
descriptions without what somebody wrote. The node that deleted it does that, or a job that finishes what a crash has
left. It is done twice, as another node may have been indexing the room.

A record is written before the description, so that nothing is forgotten. When all is done it stays, with the epoch
of the installation: a restored store has another one, and a copy of the room with its contents.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from loguru import logger

from chatserver.cluster import installation
from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import RoomRemoved
from chatserver.errors import ChatError
from chatserver.hooks.actions import RoomDelete
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Job
from chatserver.interfaces import Store
from chatserver.model import (
    MemberLeft,
    MessagePosted,
    RoomChanged,
    RoomKind,
    User,
    UserRef,
)
from chatserver.parts import NAMESPACE as PARTS
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.roomlog.redaction import cleared, removed
from chatserver.roomlog.room import Room
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import Clock
from chatserver.service.contexts import Contexts
from chatserver.service.expiry import SPACE as EXPIRY
from chatserver.service.markers import IMPORTED
from chatserver.service.membership import Membership
from chatserver.service.pins import SPACE as PINS
from chatserver.service.replaced import scrub
from chatserver.service.rights import Right, demand

NAME = "rooms.erase"
SPACE = "roomdeletion"  # record space, see below
DUE, DONE = "due/", "done/"  # keys: due/ROOM -> Deletion, done/EPOCH/ROOM -> Deletion
EVERY, DEADLINE = 60.0, 4 * 3600.0
SETTLED_SECONDS = 30.0  # longer than another node takes to write what it was indexing
UNDECIDED_SECONDS = 3600.0  # a deletion that is not in the log after so long was refused, or lost
PAGE = 500  # members or records at once
EVENTS = 100  # at once: of 40 KB each, with the largest texts and data, they take the loop 8 ms
PRESSED_SECONDS = 0.1  # between two pages, while many sends are under way
# More than the slot and the first seq of any page of the search index.
ANY_SLOT, ANY_SEQ = (1 << 31) - 1, (1 << 63) - 1


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """A deletion: by whom, and when (Unix time); `erased` is when the contents were first removed, 0 if not yet."""

    by: UserRef
    at: float
    erased: float = 0.0


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Deletion).decode


class RoomDeletion:
    """Deletes rooms, and removes from the store what was in them."""

    def __init__(
        self,
        store: Store,
        cache: RoomCache,
        log: Log,
        hub: Hub,
        membership: Membership,
        hooks: HookCalls,
        clock: Clock,
    ) -> None:
        self._store, self._cache, self._log, self._hub = store, cache, log, hub
        self._membership, self._hooks, self._clock = membership, hooks, clock
        self._contexts = Contexts(store)
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by room id

    async def delete(self, user: User, room: Room) -> int:
        """Delete the room; returns the seq of its last description."""
        demand(user, room, Right.READ)
        if room.description is not None and room.description.kind is RoomKind.DIRECT:
            raise ChatError(
                "room.forbidden",
                "A direct room cannot be deleted.",
                detail={"field": "room", "reason": "direct"},
            )
        demand(user, room, Right.DELETE_ROOM)
        await self._hooks.allow(RoomDelete(room=room.id), user)
        members: list[str] = []

        def last(**entry: Any) -> RoomChanged:
            members[:] = room.members
            return RoomChanged(
                **entry, name=None, kind=RoomKind.PRIVATE, archived=True, deleted=True
            )

        deletion = Deletion(by=UserRef.of(user), at=self._clock.now())
        await self._store.put(SPACE, f"{DUE}{room.id}", _encode(deletion))
        seq = await self._membership.append(user, room, Right.DELETE_ROOM, last)
        self._begin(room.id)
        for start in range(0, len(members), PAGE):
            for member in members[start : start + PAGE]:
                self._hub.tell_user(member, RoomRemoved(room=room.id, deleted=True))
            await asyncio.sleep(0)  # a room may have very many
        return seq

    # -- removing the contents ---------------------------------------------------------------------

    def job(self) -> Job:
        """The job that finishes deletions."""
        return Job(name=NAME, every=EVERY, run=self.finish, deadline=DEADLINE)

    async def finish(self) -> None:
        """Remove what is left of deleted rooms."""
        epoch = await installation.epoch(self._store)
        await self._begin_again(epoch)
        async for room, record in self._due():
            await self._advance(room, record, epoch)

    async def settle(self) -> None:
        """Wait until this node has removed the contents of the rooms that it deleted."""
        await asyncio.gather(*self._tasks.values())

    async def stop(self) -> None:
        """Leave the rest to the job, on whichever node."""
        await cancel_or_name(self._tasks.values())

    def _begin(self, room: str) -> None:
        task = asyncio.create_task(self._erase_once(room), name=f"erase {room}")
        self._tasks[room] = task
        task.add_done_callback(lambda _: self._tasks.pop(room, None))

    async def _erase_once(self, room: str) -> None:
        try:
            record = await self._store.get(SPACE, f"{DUE}{room}")
            if record is not None:
                await self._erase(room, record)
        except Exception as error:
            logger.warning("room {}: its contents are removed later: {!r}", room, error)

    async def _due(self) -> AsyncIterator[tuple[str, bytes]]:
        """The rooms that are to be erased, with their records."""
        after = ""
        while rows := await self._store.scan(SPACE, DUE, after, PAGE):
            after = rows[-1][0]
            for key, record in rows:
                yield key.removeprefix(DUE), record

    async def _advance(self, room: str, record: bytes, epoch: str) -> None:
        """Do what is due for a room now."""
        now, deletion = self._clock.now(), _decode(record)
        described = (await self._store.rooms([room])).get(room)
        if described is None or not described.deleted:
            if now - deletion.at > UNDECIDED_SECONDS:
                await self._store.delete(SPACE, f"{DUE}{room}", record)
            return
        if deletion.erased and now - deletion.erased < SETTLED_SECONDS:
            return
        await self._erase(room, record)
        if deletion.erased:
            await self._store.put(SPACE, f"{DONE}{epoch}/{room}", record)
            await self._store.delete(SPACE, f"{DUE}{room}")

    async def _begin_again(self, epoch: str) -> None:
        """Have those rooms erased again whose erasure another epoch has seen: this store was restored."""
        own = f"{DONE}{epoch}/"
        for after in ("", f"{DONE}{epoch}0"):  # "0" comes after "/", and so after all of this epoch
            while rows := await self._store.scan(SPACE, DONE, after, PAGE):
                others = [(key, record) for key, record in rows if not key.startswith(own)]
                for key, record in others:
                    again = msgspec.structs.replace(_decode(record), erased=0.0)
                    due = f"{DUE}{key.rpartition('/')[2]}"
                    await self._store.put(SPACE, due, _encode(again))
                    await self._store.delete(SPACE, key)
                if not others:
                    break

    async def _erase(self, room: str, record: bytes) -> None:
        """Let the members leave, and remove all contents; then note that, if it is the first time."""
        deletion = _decode(record)
        await self._see_off(room, deletion.by)
        await self._clear(room)
        await self._store.drop_index(room, ANY_SLOT, ANY_SEQ)
        await self._store.delete(PINS, room)
        await self._store.delete(IMPORTED, room)
        await self._store.delete(EXPIRY, room)
        await scrub(self._store)
        if not deletion.erased:
            erased = msgspec.structs.replace(deletion, erased=self._clock.now())
            await self._store.swap(SPACE, f"{DUE}{room}", record, _encode(erased))

    async def _see_off(self, name: str, by: UserRef) -> None:
        """End all memberships, so that they neither count nor are looked at any more."""
        events = await self._store.members([name])
        members = [each.user for each in events if not isinstance(each, MemberLeft)]
        for start in range(0, len(members), PAGE):
            room = await self._cache.load(name)
            assert room is not None
            await asyncio.gather(
                *(self._see_off_one(room, each, by) for each in members[start : start + PAGE])
            )

    async def _see_off_one(self, room: Room, member: UserRef, by: UserRef) -> None:
        def left(seq: int, at: str) -> MemberLeft:
            return MemberLeft(room=room.id, seq=seq, at=at, author=by, user=member)

        await self._log.append(room, left, lambda: None)

    async def _clear(self, room: str) -> None:
        after = 0
        while events := await self._store.read(room, after, EVENTS):
            after = events[-1].seq
            for event in events:
                if isinstance(event, MessagePosted) and PARTS in event.data:
                    await self._contexts.forget(event)
            gone = [event.seq for event in events if removed(event) is not event]
            await self._store.remove(room, gone)
            left = [event for event in events if removed(event) is event]
            await self._store.clear(room, [each.seq for each in left if cleared(each) is not each])
            if self._log.is_pressed():
                await asyncio.sleep(PRESSED_SECONDS)
