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

from chatserver import StartupError, Store
from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.files import FILE_KEYS, FileKeys
from chatserver_plugins.vault.keyring import (
    PERSON,
    DataKey,
    Keyring,
    Keys,
    State,
)
from chatserver_plugins.vault.resealing import SETTLE_SECONDS, Resealing, is_sealed
from chatserver_plugins.vault.scopes import index_scope, person_scope, room_scope
from chatserver_plugins.vault.store import SealedStore

PAGE = 200  # events or records in one step of the sealing
CLEANED = 1000  # events of one room, after which its index is cleaned of them


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
            sealed=is_sealed(state),
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
        await self._store.scrub_inner()
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
        scope = room_scope(room)
        found = await self._store.shred(room, before=(await self._renewed(scope))[scope])
        await self._nodes.forget(room)
        await self._store.scrub_inner()
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
        rooms = sorted({event.room for event in await self._inner.memberships(user)})
        scopes = {room: index_scope(room) for room in rooms}
        known = [scope for scope in scopes.values() if await self._ring.scopes([scope])]
        last = await self._renewed(person_scope(user), *known)
        found = await self._store.shred_person(user, before=last[person_scope(user)])
        await self._ring.change_state(lambda state: state)  # other nodes have the key in memory
        resealing = Resealing(self._store, self._sleep, self._clock)
        for room in rooms:
            await self._forget_words(room, user)
            if scopes[room] in last:
                await resealing.index(room, before=last[scopes[room]])
            await self._nodes.forget(room)
        await self._store.scrub_inner()
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

    async def _renewed(self, *scopes: str) -> dict[str, int]:
        """The number of a new key of each scope, once no node uses earlier ones: what they seal would be lost."""
        last = {scope: await self._ring.renew(scope) for scope in scopes}
        await self._ring.change_state(lambda state: state)
        await self._sleep(SETTLE_SECONDS)
        return last

    async def _scopes(self) -> AsyncIterator[tuple[str, tuple[DataKey, ...]]]:
        after = ""
        while found := await self._ring.names(after):
            for name, keys in found:
                yield name, keys.keys
            after = found[-1][0]

    async def seal(self, seconds: float) -> bool:
        """Go on with the background work; see `Resealing.run`."""
        return await Resealing(self._store, self._sleep, self._clock).run(seconds)


def _next_turn(state: State) -> State:
    return msgspec.structs.replace(state, turn=state.turn + 1)


def _with_root(root: int, state: State) -> State:
    return msgspec.structs.replace(state, root=max(state.root, root))
