"""The background work: seals what is in clear, and anew what was sealed with earlier keys, or without those of people.

It goes through the records, then the logs of the rooms, then their search indexes; then the earlier keys are destroyed.
It may be cut off at any point, by kill -9 too, and goes on.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from chatserver import AnyEvent, index_places
from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.keyring import LOOK_SECONDS, MARKS, SPACE, State
from chatserver_plugins.vault.scopes import index_scope, record_scopes, records_scope, room_scope
from chatserver_plugins.vault.store import HIGHEST_FIRST, HIGHEST_SLOT, SealedStore

PAGE = 200  # events or records in one step
INDEX_PAGES = 100  # of an index in one step: some hundred KB
NOTED = 50  # rooms after which it is noted how far the work came: to look at one again costs little
PROGRESS = "progress"  # the record with what was done
# After a rotation other nodes use older keys for LOOK_SECONDS, and what they write may take the store's time limit.
SETTLE_SECONDS = LOOK_SECONDS + 5.0
RECORDS, ROOMS, INDEXES = PARTS = "records", "rooms", "indexes"


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was done in a turn, for a format of seals: `done` is the last space or room of `part`.

    Of the index of the room after that, `pages` were done; it reached up to the seq `upto` when that began.
    """

    turn: int
    form: int = sealing.PLACED
    part: str = RECORDS
    done: str = ""
    upto: int = 0
    pages: int = 0


class Resealing:
    """The work on one open store."""

    def __init__(
        self,
        store: SealedStore,
        sleep: Callable[[float], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._sleep, self._clock = store, sleep, clock
        self._inner, self._ring = store.inner, store.ring

    async def run(self, seconds: float) -> bool:
        """Go on for so long; True once all of the store is sealed with keys of the present turn.

        Then the keys of earlier turns are destroyed.
        """
        await self._ring.look()
        turn = self._ring.state.turn
        if is_sealed(self._ring.state):
            return True
        progress = await self._progress(turn)
        if progress == _begun(turn):
            await self._sleep(SETTLE_SECONDS)
        end = self._clock() + seconds
        works: Sequence[Callable[[Progress, float], Awaitable[bool]]]
        works = (self._spaces, partial(self._rooms, self._room), partial(self._rooms, self._index))
        for number, work in enumerate(works):
            if progress.part == PARTS[number]:
                if not await work(progress, end):
                    return False
                if PARTS[number] != PARTS[-1]:
                    progress = _begun(turn, PARTS[number + 1])
                    await self._note(progress)
        return await self._finish(turn)

    async def _finish(self, turn: int) -> bool:
        def change(state: State) -> State:
            sealed = turn if state.turn == turn else state.sealed
            return msgspec.structs.replace(state, sealed=sealed, form=sealing.FORMAT)

        await self._store.scrub_inner()
        return is_sealed(await self._ring.change_state(change))

    async def _progress(self, turn: int) -> Progress:
        raw = await self._inner.get(SPACE, PROGRESS)
        found = None if raw is None else msgspec.json.decode(raw, type=Progress)
        begun = _begun(turn)
        return found if found and (found.turn, found.form) == (begun.turn, begun.form) else begun

    async def _note(self, progress: Progress) -> None:
        await self._inner.put(SPACE, PROGRESS, msgspec.json.encode(progress))

    async def _old(self, scope: str, turn: int) -> set[int]:
        """The numbers of a scope's keys of earlier turns that are there."""
        found = (await self._ring.scopes([scope])).get(scope)
        keys = found.keys.keys if found is not None else ()
        return {key.number for key in keys if key.turn < turn and not key.gone}

    # -- records ---------------------------------------------------------------------------------------

    async def _spaces(self, progress: Progress, end: float) -> bool:
        for space in sorted(await self._store.spaces()):
            if space > progress.done and space != MARKS:
                await self._space(space, progress.turn)
                await self._note(_begun(progress.turn, RECORDS, space))
                if self._clock() >= end:
                    return False
        return True

    async def _space(self, space: str, turn: int) -> None:
        scope, after = records_scope(space), ""
        while page := await self._inner.scan(space, "", after, PAGE):
            after = page[-1][0]
            numbers = await self._old(scope, turn)
            for key, value in page:
                if sealing.is_sealed(value):
                    seal, has_writer = (
                        value[len(sealing.MAGIC) :],
                        bool(record_scopes(space, key)[1]),
                    )
                    if not _is_old(seal, numbers, has_writer):
                        continue
                    clear = await self._store.get(space, key)
                else:
                    clear = value
                if clear is not None:  # else it was removed, or its key destroyed
                    await self._store.swap(space, key, clear, clear)
        await self._ring.destroy(scope, lambda key: key.turn < turn)

    # -- rooms -----------------------------------------------------------------------------------------

    async def _rooms(
        self,
        work: Callable[[str, Progress, float], Awaitable[bool]],
        progress: Progress,
        end: float,
    ) -> bool:
        """Do the work for each room; it returns False if it took too long, and is repeated."""
        while rooms := await self._inner.list_rooms(progress.done, PAGE):
            for number, room in enumerate(rooms, 1):
                if not await work(room, progress, end):
                    return False
                progress = _begun(progress.turn, progress.part, room)
                is_over = self._clock() >= end
                if is_over or number % NOTED == 0 or number == len(rooms):
                    await self._note(progress)
                if is_over:
                    return False
        return True

    async def _room(self, room: str, progress: Progress, end: float) -> bool:
        """Seal a room's log. The next run begins with it again, and reads more."""
        scope, after, turn = room_scope(room), 0, progress.turn
        numbers = await self._old(scope, turn)
        while page := await self._inner.read(room, after, PAGE):
            after = page[-1].seq
            await self._events([event for event in page if _is_left(event, numbers)])
            if self._clock() >= end and len(page) == PAGE:
                return False
        # That of before the vault.
        await self._inner.drop_index(room, HIGHEST_SLOT, HIGHEST_FIRST)
        await self._ring.destroy(scope, lambda key: key.turn < turn)
        return True

    async def _events(self, stored: Sequence[AnyEvent]) -> None:
        """Seal events anew. One that changes meanwhile has been written by this vault, or has lost its content."""
        if not stored:
            return
        clear = await self._store.opened(list(stored))
        sealed = await self._store.sealed(clear)
        await self._inner.replace(list(zip(stored, sealed, strict=True)))

    async def _index(self, room: str, progress: Progress, end: float) -> bool:
        """Seal the pages of a room's index with its new key, which all nodes have for new pages by now."""
        scope, turn = index_scope(room), progress.turn
        numbers = await self._old(scope, turn)
        if numbers:
            if not progress.upto:
                upto = (await self._store.indexed([room])).get(room, 0)
                progress = msgspec.structs.replace(progress, upto=upto)
            places = islice(index_places(room, progress.upto), progress.pages, None)
            while some := list(islice(places, INDEX_PAGES)):
                await self._store.reseal_pages(some, numbers)
                done = progress.pages + len(some)
                progress = msgspec.structs.replace(progress, pages=done)
                if self._clock() >= end:
                    await self._note(progress)
                    return False
            await self._ring.destroy(scope, lambda key: key.turn < turn)
        return True

    async def index(self, room: str, before: int) -> None:
        """Seal all pages of a room's index anew, and destroy its keys with a lower number than `before`."""
        scope = index_scope(room)
        found = (await self._ring.scopes([scope])).get(scope)
        numbers = {number for number in (found.secrets if found else ()) if number < before}
        places = index_places(room, (await self._store.indexed([room])).get(room, 0))
        while some := list(islice(places, INDEX_PAGES)):
            await self._store.reseal_pages(some, numbers)
        await self._ring.destroy(scope, lambda key: key.number < before)


def _begun(turn: int, part: str = RECORDS, done: str = "") -> Progress:
    return Progress(turn, sealing.FORMAT, part, done)


def is_sealed(state: State) -> bool:
    return state.sealed == state.turn and state.form == sealing.FORMAT


def _is_left(event: AnyEvent, numbers: set[int]) -> bool:
    """Whether an event as stored has content in clear, or a seal that is to be made anew."""
    seal = sealing.seal_in(event)
    if seal is None:
        return sealing.has_content(event)
    return _is_old(seal, numbers, bool(sealing.writer_of(event)))


def _is_old(seal: bytes, numbers: set[int], has_writer: bool) -> bool:
    """Whether a seal is of one of these keys, or lacks the key of whoever has written the content."""
    return sealing.number_of(seal) in numbers or (has_writer and sealing.person_of(seal) is None)
