"""Removes texts that an edit or a deletion has replaced, where they were left: from the log and the search index.

A node removes a text from the log with the edit or deletion that replaces it (`Store.append`). Left are texts that a
server of an older version replaced, those of rooms that have ceased to show edits, those of a store that takes two
steps and crashed between them; and their words in the search index, always. A job looks for them: it reads what was
added to each log since it was there last, and notes how far it came, so it can be interrupted at any time.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatserver.hooks.types import Job
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    EditHistory,
    MessageDeleted,
    MessageEdited,
    RoomChanged,
    message_seq,
)
from chatserver.roomlog.log import Log
from chatserver.runtime.pace import Pace
from chatserver.service.cleanings import Cleanings

NAME = "texts.erase"
SPACE = "replacedtexts"  # record space: ROOM -> Reached
EVERY, DEADLINE = 300.0, 4 * 3600.0
ROOMS, EVENTS = 500, 200  # at once
PART = 32_768  # events after which the index is cleaned, and the position noted
SHARE = 0.2  # of the time: the rest is for others
PRESSED_SECONDS = 0.1  # more between two pages, while many sends are under way


async def scrub(store: Store) -> None:
    """Have a store that can do so leave nothing in its files of what was removed. Raises `StoreUnavailable`."""
    if found := getattr(store, "scrub", None):
        await found()


async def compact(store: Store) -> bool:
    """Have a store that can do so write its files anew; returns whether it did. Raises `StoreUnavailable`.

    Afterwards also what databases leave of rows that they have moved is gone. Only for commands (`Store`).
    """
    found = getattr(store, "compact", None)
    if found is not None:
        await found()
    return found is not None


class Reached(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a room's log was looked through, and as that of a room that `shows` edits."""

    upto: int
    shows: bool = False


class Looked(NamedTuple):
    """What a look through a room found: how far it came, and which events lost a text."""

    upto: int
    gone: Sequence[int]


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Reached).decode


class ReplacedTexts:
    """Looks for them in all rooms."""

    def __init__(self, store: Store, log: Log, cleanings: Cleanings) -> None:
        self._store, self._log, self._cleanings = store, log, cleanings

    def job(self) -> Job:
        """The job that removes them."""
        return Job(name=NAME, every=EVERY, run=self.remove, deadline=DEADLINE)

    async def remove(self) -> None:
        """Look through what is new in each room, and clean the index once more where that is due.

        At the end nothing that was removed is left in the files of a store that can see to that: also of what others
        removed, or a run that was interrupted before its end.
        """
        await self._cleanings.finish()
        after = ""
        while rooms := await self._store.list_rooms(after, ROOMS):
            after = rooms[-1]
            heads = await self._store.heads(rooms)
            described = await self._store.rooms(rooms)
            found = await self._store.get_many(SPACE, rooms)
            for room, description in described.items():
                if description.deleted:  # it has no contents, and no index
                    await self._store.delete(SPACE, room)
                    await self._cleanings.forget(room)
                    continue
                record = found.get(room)
                reached = Reached(upto=0) if record is None else _decode(record)
                await self._remove(room, heads.get(room, 0), description, reached)
        await scrub(self._store)

    async def _remove(
        self, room: str, head: int, description: RoomChanged, reached: Reached
    ) -> None:
        """Look through what is new in a room."""
        shows = description.edit_history is not EditHistory.NONE
        upto = 0 if reached.shows and not shows else reached.upto  # what was kept until now goes
        while upto < head:
            came = await self._look_on(room, upto, min(head, upto + PART), shows)
            await self._store.put(SPACE, room, _encode(Reached(upto=came, shows=shows)))
            if came == upto:
                break
            upto = came

    async def _look_on(self, room: str, after: int, end: int, shows: bool) -> int:
        """Look through the log up to the seq `end`, and clean the index of all of that together; returns how far it came."""
        gone: set[int] = set()
        upto, pace = after, Pace(SHARE)
        while upto < end:
            looked = await self._look(room, upto, after, shows)
            if looked.upto == upto:
                break
            upto = looked.upto
            gone.update(looked.gone)
            await pace()
            if self._log.is_pressed():
                await asyncio.sleep(PRESSED_SECONDS)
        await self._cleanings.clean(room, gone)
        return upto

    async def _look(self, room: str, after: int, done: int, shows: bool) -> Looked:
        """Remove the texts that the next events replace. In a room that shows edits only deletions do.

        Earlier looks have removed what the events up to the seq `done` replaced.
        """
        events = await self._store.read(room, after, EVENTS)
        ids = _changed(events)
        if not ids:
            return Looked(events[-1].seq if events else after, ())
        changes = await self._store.changes({room: list(ids)})
        deleted = {each.message for each in changes if isinstance(each, MessageDeleted)}
        gone: set[int] = set()
        for message in ids:
            if shows and message not in deleted:
                continue
            texts = await self._store.texts(room, message)
            if message in deleted:
                gone.update(texts)
                continue
            replaced = texts[:-1]
            known = [seq for seq in replaced if seq <= done]  # only the newest of them was left
            gone.update(replaced[max(len(known) - 1, 0) :])
        await self._store.redact(room, sorted(gone))
        return Looked(events[-1].seq, sorted(gone))


def _changed(events: Sequence[AnyEvent]) -> Mapping[str, None]:
    """The ids of the messages that these events edit or delete, in order."""
    return {
        each.message: None
        for each in events
        if isinstance(each, MessageEdited | MessageDeleted)
        and message_seq(each.room, each.message) is not None
    }
