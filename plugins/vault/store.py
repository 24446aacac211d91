"""A store around the store, which seals contents before they are written and opens them as they are read.

Every method of the contract is written out, here and in the classes that this one is made of: a method that a later
version of the contract brings is missing, and the server refuses to start, instead of passing contents on in clear.
"""

from collections.abc import Collection, Mapping, Sequence

from chatserver import (
    AnyEvent,
    Appended,
    MemberEvent,
    MessageChange,
    MessagePosted,
    Replies,
    RoomChanged,
    Store,
    Tally,
    Unread,
)
from chatserver_plugins.vault.index import SealedIndex
from chatserver_plugins.vault.keyring import Keyring
from chatserver_plugins.vault.records import SealedRecords
from chatserver_plugins.vault.scopes import (
    WRITTEN_BY,
    index_room,
    index_scope,
    person_scope,
    room_scope,
)
from chatserver_plugins.vault.sealing import NUMBERS

# Methods that see no content.
OPTIONAL = ("compact", "facts", "folder", "for_trial", "replication", "scrub")
REPLACED_AT_ONCE = 100  # events, as each is read on its own
HIGHEST_SLOT, HIGHEST_FIRST = (1 << 31) - 1, (1 << 63) - 1


class SealedStore(SealedIndex, SealedRecords):
    """Keeps the contract of `chatserver.Store` by means of `inner`. Its methods about the log are here."""

    def __init__(self, inner: Store, ring: Keyring) -> None:
        super().__init__(inner, ring)
        for name in OPTIONAL:
            if (method := getattr(inner, name, None)) is not None:
                setattr(self, name, method)
        if hasattr(inner, "put_many"):
            self.put_many = self._put_many
        if hasattr(inner, "members_after"):
            self.members_after = self._members_after
        if hasattr(inner, "swap_many"):
            self.swap_many = self._swap_many
        if hasattr(inner, "repeats_in"):
            self.repeats_in = self._repeats_in

    @property
    def inner(self) -> Store:
        """The store that has the seals."""
        return self._inner

    def is_sealed(self) -> bool:
        """So that copies of this store are encrypted, or refused."""
        return True

    # -- opening and closing -----------------------------------------------------------------------------

    def is_private(self) -> bool:
        return self._inner.is_private()

    async def plan(self) -> list[str]:
        return await self._inner.plan()

    async def open(self) -> None:
        await self._inner.open()
        await self.ring.open(writes=True)
        await self._take_token_key()

    async def open_to_read(self) -> None:
        await self._inner.open_to_read()
        await self.ring.open(writes=False)
        await self._take_token_key()

    async def close(self) -> None:
        await self.ring.close()
        await self._inner.close()

    def scratch(self, name: str) -> dict[str, object]:
        return self._inner.scratch(name)

    async def erase(self) -> None:
        await self._inner.erase()

    async def ping(self) -> None:
        await self._inner.ping()

    # -- the log -----------------------------------------------------------------------------------------

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        return await self._inner.append(await self.sealed(events), erasing)

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        return await self._inner.heads(rooms)

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return await self.opened(await self._inner.read(room, after, limit))

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return await self._opened_parts(await self._inner.ranges(wanted, limit))

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return await self._opened_parts(await self._inner.shown(wanted, limit))

    async def texts(self, room: str, message: str) -> list[int]:
        return await self._inner.texts(room, message)

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        await self._inner.redact(room, seqs)

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        await self._inner.clear(room, seqs)
        newest = (await self._inner.rooms([room])).get(room)
        if newest is not None and newest.deleted:
            await self.shred(room)

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        await self._inner.remove(room, seqs)

    async def shred(self, room: str, before: int = NUMBERS + 1) -> int:
        """Destroy the data keys of a room, of its log those with a lower number than `before`.

        Returns their number. What was sealed with them reads as cleared.
        """
        found = await self.ring.destroy(room_scope(room), lambda key: key.number < before)
        found += await self.ring.destroy(index_scope(room), lambda key: True)
        await self._inner.drop_index(index_room(room), HIGHEST_SLOT, HIGHEST_FIRST)
        await self._inner.drop_index(room, HIGHEST_SLOT, HIGHEST_FIRST)
        return found

    async def shred_person(self, user: str, before: int) -> int:
        """Destroy the keys of a user with a lower number than `before`; returns how many.

        What they have written reads as cleared, and records that only they see are removed.
        """
        found = await self.ring.destroy(person_scope(user), lambda key: key.number < before)
        for space in sorted(WRITTEN_BY):
            await self._remove_destroyed(space, user)
        return found

    async def scrub_inner(self) -> None:
        """Have nothing of destroyed keys, and of what was in clear, left in the files of a store that can do that."""
        scrub = getattr(self._inner, "scrub", None)
        if scrub is not None:
            await scrub()

    async def _remove_destroyed(self, space: str, user: str) -> None:
        for prefix in (user, f"{user}/"):
            after = ""
            while page := await self._inner.scan(space, prefix, after):
                after = page[-1][0]
                opened = await self._opened_records(space, dict(page))
                for key, value in page:
                    if key not in opened and key.partition("/")[0] == user:
                        await self._inner.delete(space, key, value)

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        # As no two seals are equal, each stored event is opened, compared, and then replaced if it is still the same.
        replaced = 0
        for start in range(0, len(pairs), REPLACED_AT_ONCE):
            part = pairs[start : start + REPLACED_AT_ONCE]
            places = [(old.room, old.seq - 1) for old, _ in part]
            stored = [event for found in await self._inner.ranges(places, 1) for event in found]
            opened = {(e.room, e.seq): e for e in await self.opened(list(stored))}
            inner = {(event.room, event.seq): event for event in stored}
            equal = [each for each in part if opened.get((each[0].room, each[0].seq)) == each[0]]
            sealed = await self.sealed([new for _, new in equal])
            replaced += await self._inner.replace(
                [
                    (inner[old.room, old.seq], new)
                    for (old, _), new in zip(equal, sealed, strict=True)
                ]
            )
        return replaced

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        return await self.opened(await self._inner.messages(room, before, limit))

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        return await self._opened_parts(await self._inner.pages(wanted, limit))

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        return await self.opened(await self._inner.posted(keys))

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        return await self.opened(await self._inner.changes(messages))

    async def tally(self, room: str, message: str, user: str) -> Tally:
        return await self._inner.tally(room, message, user)

    async def replies(
        self, room: str, message: str, before: int | None, limit: int
    ) -> list[MessagePosted]:
        return await self.opened(await self._inner.replies(room, message, before, limit))

    async def threads(
        self, messages: Mapping[str, Sequence[str]], newest: int
    ) -> dict[tuple[str, str], Replies]:
        found = await self._inner.threads(messages, newest)
        parts = await self._opened_parts([each.newest for each in found.values()])
        return {
            key: Replies(each.total, part)
            for (key, each), part in zip(found.items(), parts, strict=True)
        }

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        return await self._opened_values(await self._inner.repeats(keys))

    async def _repeats_in(
        self, sends: Sequence[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], MessagePosted]:
        return await self._opened_values(await self._inner.repeats_in(sends))  # type: ignore[attr-defined]

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        return await self._opened_values(await self._inner.rooms(rooms))

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        return await self.opened(await self._inner.public_rooms(after, limit))

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        return await self._inner.list_rooms(after, limit)

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        return await self.opened(await self._inner.members(rooms))

    async def _members_after(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        found = await self._inner.members_after(room, after, limit)  # type: ignore[attr-defined]
        return await self.opened(found)

    async def memberships(self, user: str) -> list[MemberEvent]:
        return await self.opened(await self._inner.memberships(user))

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        return await self._inner.unread(user, after)
