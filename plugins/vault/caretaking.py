"""What operators do with the keys: status, rotations, destroying; and the sealing of what a rotation left behind.

Each of these may be cut off at any point, by kill -9 too, and repeated: it goes on.
"""

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from chatserver import AnyEvent, StartupError, Store
from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.files import FILE_KEYS, FileKeys
from chatserver_plugins.vault.keyring import (
    LOOK_SECONDS,
    MARKS,
    PERSON,
    SPACE,
    DataKey,
    Keyring,
    Keys,
    State,
)
from chatserver_plugins.vault.store import (
    HIGHEST_FIRST,
    HIGHEST_SLOT,
    SealedStore,
    person_scope,
    record_scopes,
    records_scope,
    room_scope,
)

PAGE = 200  # events or records in one step of the sealing
CLEANED = 1000  # events of one room, after which its index is cleaned of them
PROGRESS = "progress"  # the record with what the sealing has done
# After a rotation other nodes use older keys for LOOK_SECONDS, and what they write may take the store's time limit.
SETTLE_SECONDS = LOOK_SECONDS + 5.0
RECORDS, ROOMS = "records", "rooms"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of data keys by kind of scope, and how far the sealing is."""

    masters: tuple[
        str, ...
    ]  # the ids of those that wrap root keys; more than one during a rotation
    present: bool  # whether the configured present master key wraps the root key
    root: int
    root_at: str
    rooms: int
    people: int  # who have written something
    keys: int
    destroyed: int
    shredded: int  # people of whom a key was destroyed
    turn: int
    sealed: bool  # whether everything is sealed, with keys of this turn and of people


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sealing has done in a turn, for a format of seals: `done` is the last space or room of `part`."""

    turn: int
    form: int = sealing.PLACED
    part: str = RECORDS
    done: str = ""


class Nodes(Protocol):
    """What servers have made of contents: pages in memory, and the search index."""

    async def forget(self, room: str) -> None:
        """Have all nodes forget within a second what they have read of a room."""

    async def clean(self, room: str, seqs: Sequence[int]) -> None:
        """Take words that these events do not say any more out of the index of a room."""


class Caretaker:
    """The work on one open store."""

    def __init__(
        self,
        store: SealedStore,
        nodes: Nodes,
        sleep: Callable[[float], Any] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._nodes, self._sleep, self._clock = store, nodes, sleep, clock

    @property
    def _ring(self) -> Keyring:
        return self._store.ring

    @property
    def _inner(self) -> Store:
        return self._store.inner

    async def status(self) -> Status:
        roots = await self._ring.roots()
        state, _ = await self._ring.stored_state()
        rooms = people = keys = destroyed = shredded = 0
        async for name, found in self._scopes():
            rooms += name.startswith("room/")
            gone = sum(bool(key.gone) for key in found)
            if name.startswith(PERSON):
                people, shredded = people + 1, shredded + bool(gone)
            keys, destroyed = keys + len(found) - gone, destroyed + gone
        newest = roots[max(roots)]
        return Status(
            masters=tuple(sorted({root.master for root in roots.values()})),
            present=await self._ring.masters.is_present(newest.master),
            root=max(roots),
            root_at=newest.at,
            rooms=rooms,
            people=people,
            keys=keys,
            destroyed=destroyed,
            shredded=shredded,
            turn=state.turn,
            sealed=_is_sealed(state),
        )

    async def rotate_master(self) -> int:
        """Wrap everything anew: a new root key by the present master key, all data keys by that root key.

        Afterwards the earlier master key opens nothing in the store. Returns the number of scopes.
        """
        roots = await self._ring.roots()
        newest = max(roots)
        if len(roots) == 1 or not await self._ring.masters.is_present(roots[newest].master):
            newest += 1  # else an interrupted rotation has made it already
            await self._ring.add_root(newest)
        total = await self._rewrap(newest)
        # Other nodes may just have made a key with the earlier root key: once before they know that it is replaced,
        # and once before they know that all is done, from when on they take no such key (`Keyring.mend`).
        for done in (0, newest):
            await self._ring.change_state(partial(_with_root, done))
            await self._sleep(SETTLE_SECONDS)
            await self._rewrap(newest)
        for number in await self._ring.roots():
            if number < newest:
                await self._ring.drop_root(number)
        await self._scrub()
        return total

    async def _rewrap(self, root: int) -> int:
        total = 0
        async for name, keys in self._scopes():
            total += 1
            if self._ring.is_late(Keys(keys)):
                await self._ring.mend(name)
            await self._ring.rewrap(name, root)
        return total

    async def rotate_data(self) -> int:
        """Have every room and space of records seal with a new key from now on, and files; returns the turn.

        What was sealed before is sealed anew by `seal`, but for files.
        """
        if await self._store.scan(FILE_KEYS, "", limit=1):
            await FileKeys(lambda: self._store).add()
        return (await self._ring.change_state(_next_turn)).turn

    async def shred(self, room: str) -> int:
        """Destroy the keys of a room, and with them everything that was written there; returns their number.

        What is written from now on is sealed with a new key.
        """
        last = await self._renewed(room_scope(room))
        found = await self._store.shred(room, before=last)
        await self._nodes.forget(room)
        await self._scrub()
        return found

    async def shred_person(self, user: str) -> int:
        """Destroy the keys of a user (id), and with them everything that they wrote; returns their number.

        What they write from now on is sealed with a new key. Raises `StartupError` if something may not be sealed
        with it yet.
        """
        state, _ = await self._ring.stored_state()
        if state.form < sealing.FORMAT:
            raise StartupError(
                "not everything is sealed with the keys of its authors yet: that goes on in the background, see "
                "`chatserver plugin run vault status`; then repeat this"
            )
        last = await self._renewed(person_scope(user))
        found = await self._store.shred_person(user, before=last)
        await self._ring.change_state(lambda state: state)  # other nodes have the key in memory
        for room in sorted({event.room for event in await self._inner.memberships(user)}):
            await self._forget_words(room, user)
            await self._nodes.forget(room)
        await self._scrub()
        return found

    async def _forget_words(self, room: str, user: str) -> None:
        after, said = 0, []
        while page := await self._inner.read(room, after, PAGE):
            after = page[-1].seq
            said += [event.seq for event in page if sealing.writer_of(event) == user]
            if len(said) >= CLEANED:
                await self._nodes.clean(room, said)
                said = []
        if said:
            await self._nodes.clean(room, said)

    async def person(self, name: str) -> str:
        """The id of a user by their name or id. Raises `StartupError` if there is none, and none who wrote anything."""
        folded = unicodedata.normalize("NFKC", name).strip().casefold()
        found = await self._store.get("username", folded)
        if found is not None:
            return found.decode()
        if await self._ring.scopes([person_scope(name)]):
            return name  # an account that is gone has no name
        raise StartupError(f"there is no user {name}, by name or id")

    async def _renewed(self, scope: str) -> int:
        """The number of a new key of a scope, once no node uses an earlier one: what it seals would be lost."""
        last = await self._ring.renew(scope)
        await self._ring.change_state(lambda state: state)
        await self._sleep(SETTLE_SECONDS)
        return last

    async def _scrub(self) -> None:
        """Have nothing of destroyed keys, and of what was in clear, left in the files of a store that can do that."""
        scrub = getattr(self._inner, "scrub", None)
        if scrub is not None:
            await scrub()

    async def _scopes(self) -> AsyncIterator[tuple[str, tuple[DataKey, ...]]]:
        after = ""
        while found := await self._ring.names(after):
            for name, keys in found:
                yield name, keys.keys
            after = found[-1][0]

    # -- sealing what is in clear, or sealed with earlier keys -------------------------------------------

    async def seal(self, seconds: float) -> bool:
        """Go on with the sealing for so long; True once all of the store is sealed with keys of the present turn.

        Then the keys of earlier turns are destroyed.
        """
        await self._ring.look()
        turn = self._ring.state.turn
        if _is_sealed(self._ring.state):
            return True
        progress = await self._progress(turn)
        if progress == _begun(turn):
            await self._sleep(SETTLE_SECONDS)
        end = self._clock() + seconds
        if progress.part == RECORDS:
            for space in sorted(await self._store.spaces()):
                if space > progress.done and space != MARKS:
                    await self._seal_records(space, turn)
                    await self._note(_begun(turn, RECORDS, space))
                    if self._clock() >= end:
                        return False
            progress = _begun(turn, ROOMS)
            await self._note(progress)
        done = progress.done
        while rooms := await self._inner.list_rooms(done, PAGE):
            for room in rooms:
                if not await self._seal_room(room, turn, end):
                    return False
                done = room
                await self._note(_begun(turn, ROOMS, room))
                if self._clock() >= end:
                    return False
        return await self._finish(turn)

    async def _finish(self, turn: int) -> bool:
        def change(state: State) -> State:
            sealed = turn if state.turn == turn else state.sealed
            return msgspec.structs.replace(state, sealed=sealed, form=sealing.FORMAT)

        await self._scrub()
        return _is_sealed(await self._ring.change_state(change))

    async def _progress(self, turn: int) -> Progress:
        raw = await self._inner.get(SPACE, PROGRESS)
        found = None if raw is None else msgspec.json.decode(raw, type=Progress)
        begun = _begun(turn)
        return found if found and (found.turn, found.form) == (begun.turn, begun.form) else begun

    async def _note(self, progress: Progress) -> None:
        await self._inner.put(SPACE, PROGRESS, msgspec.json.encode(progress))

    async def _seal_records(self, space: str, turn: int) -> None:
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

    async def _old(self, scope: str, turn: int) -> set[int]:
        """The numbers of a scope's keys of earlier turns that are there."""
        found = (await self._ring.scopes([scope])).get(scope)
        keys = found.keys.keys if found is not None else ()
        return {key.number for key in keys if key.turn < turn and not key.gone}

    async def _seal_room(self, room: str, turn: int, end: float) -> bool:
        """Seal a room's log; False if that took too long. The next run begins with the room again, and reads more."""
        scope, after = room_scope(room), 0
        numbers = await self._old(scope, turn)
        while page := await self._inner.read(room, after, PAGE):
            after = page[-1].seq
            await self._seal_events([event for event in page if _is_left(event, numbers)])
            if self._clock() >= end and len(page) == PAGE:
                return False
        await self._inner.drop_index(
            room, HIGHEST_SLOT, HIGHEST_FIRST
        )  # as it was before the vault
        await self._ring.destroy(scope, lambda key: key.turn < turn)
        return True

    async def _seal_events(self, stored: Sequence[AnyEvent]) -> None:
        """Seal events anew. One that changes meanwhile has been written by this vault, or has lost its content."""
        if not stored:
            return
        clear = await self._store.opened(list(stored))
        sealed = await self._store.sealed(clear)
        await self._inner.replace(list(zip(stored, sealed, strict=True)))


def _next_turn(state: State) -> State:
    return msgspec.structs.replace(state, turn=state.turn + 1)


def _begun(turn: int, part: str = RECORDS, done: str = "") -> Progress:
    return Progress(turn, sealing.FORMAT, part, done)


def _is_sealed(state: State) -> bool:
    return state.sealed == state.turn and state.form == sealing.FORMAT


def _with_root(root: int, state: State) -> State:
    return msgspec.structs.replace(state, root=max(state.root, root))


def _is_left(event: AnyEvent, numbers: set[int]) -> bool:
    """Whether an event as stored has content in clear, or a seal that is to be made anew."""
    seal = sealing.seal_in(event)
    if seal is None:
        return sealing.has_content(event)
    return _is_old(seal, numbers, bool(sealing.writer_of(event)))


def _is_old(seal: bytes, numbers: set[int], has_writer: bool) -> bool:
    """Whether a seal is of one of these keys, or lacks the key of whoever has written the content."""
    return sealing.number_of(seal) in numbers or (has_writer and sealing.person_of(seal) is None)
