"""Seals the contents of events, and opens them, with the keys of a keyring."""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from chatserver import AnyEvent, MessagePosted, Store, StoreUnavailable
from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.keyring import Keyring, Scope
from chatserver_plugins.vault.scopes import event_scopes
from chatserver_plugins.vault.sealing import (
    NONCE_BYTES,
    Cipher,
    Destroyed,
    Find,
    Sealer,
    UnknownKey,
)

EventT = TypeVar("EventT", bound=AnyEvent)
T = TypeVar("T")
NONE: sealing.Readers = {}
AT_ONCE = 1000  # events, then others get their turn
PERSONAL_BYTES = sealing.HEADS[sealing.PERSONAL]


class Contents:
    """What the parts of a sealed store have in common. `inner` has the seals."""

    def __init__(self, inner: Store, ring: Keyring) -> None:
        self._inner, self.ring = inner, ring

    async def sealed(self, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """The events as the inner store gets them."""
        if not self.ring.ready():
            await self.ring.look()
        nonces, end = os.urandom(NONCE_BYTES * len(events)), 0
        known: Mapping[tuple[str, str], Sealer] = self.ring.writers
        made: list[AnyEvent] = []
        for event in events:
            start, end = end, end + NONCE_BYTES
            writer = sealing.writer_of(event)
            sealer = known.get((event.room, writer))
            if sealer is None:
                if not sealing.is_to_seal(event):
                    made.append(event)
                    continue
                known = await self._writers(events)
                sealer = known[event.room, writer]
            if isinstance(event, MessagePosted):
                made.append(sealer.sealed_message(event, nonces[start:end]))
            else:
                made.append(sealing.sealed_event(event, sealer, nonces[start:end]))
        return made

    async def _writers(self, events: Sequence[AnyEvent]) -> Mapping[tuple[str, str], Sealer]:
        """What seals these events, by room and `sealing.writer_of`."""
        wanted = {
            (event.room, sealing.writer_of(event)): event_scopes(event)
            for event in events
            if sealing.is_to_seal(event)
        }
        generation = self.ring.generation
        sealers = await self.ring.writing([*wanted.values()])
        found = {place: sealers[scopes] for place, scopes in wanted.items()}
        self.ring.keep_writers(found, generation)
        return found

    async def _sealer(self, scope: str, person: str) -> Sealer:
        if not self.ring.ready():
            await self.ring.look()
        known = self.ring.sealer(scope, person)
        if known is not None:
            return known
        return (await self.ring.writing([(scope, person)]))[scope, person]

    async def opened(self, events: list[EventT]) -> list[EventT]:
        """The events with their contents, in their order."""
        if len(events) <= AT_ONCE:
            return await self._opened_at_once(events)
        made: list[EventT] = []
        for start in range(0, len(events), AT_ONCE):
            made += await self._opened_at_once(events[start : start + AT_ONCE])
            await asyncio.sleep(0)
        return made

    async def _opened_at_once(self, events: list[EventT]) -> list[EventT]:
        if not self.ring.ready():
            return await self._opened_slowly(events)
        made: list[Any] = []
        try:
            room, readers = "", NONE
            for event in events:
                if isinstance(event, MessagePosted):
                    if event.room != room:
                        room = event.room
                        readers = self.ring.readers.setdefault(room, {})
                    made.append(sealing.opened_message(event, readers, self._reader))
                elif (seal := sealing.seal_in(event)) is not None:
                    find = self._find(self.ring.known, *event_scopes(event))
                    made.append(sealing.opened_event(event, seal, find))
                else:
                    made.append(event)
        except (UnknownKey, Destroyed, ValueError, LookupError):
            return await self._opened_slowly(events)
        return made

    def _reader(self, event: MessagePosted, seal: bytes) -> Cipher:
        """The cipher of a message's seal, kept for the next ones. Raises `UnknownKey`, `Destroyed`, `LookupError`."""
        head = seal[:PERSONAL_BYTES]
        if head[0] != sealing.PERSONAL:
            raise LookupError
        found = self.ring.cipher(self.ring.known, *event_scopes(event), head)
        self.ring.keep_reader(event.room, event.author.id, head, found)
        return found

    def _find(self, scopes: Mapping[str, Scope], name: str, person: str = "") -> Find:
        return partial(self.ring.cipher, scopes, name, person)

    async def _opened_slowly(self, events: list[EventT]) -> list[EventT]:
        """As `opened`, with keys that may have to be fetched, and with errors that say what is wrong."""
        seals = [sealing.seal_in(event) for event in events]
        names: dict[str, None] = {}
        for event, seal in zip(events, seals, strict=True):
            if seal is not None:
                names |= dict.fromkeys(event_scopes(event))

        def opened(scopes: Mapping[str, Scope]) -> list[EventT]:
            made: list[Any] = []
            for event, seal in zip(events, seals, strict=True):
                if seal is None:
                    made.append(event)
                    continue
                find = self._find(scopes, *event_scopes(event))
                made.append(sealing.opened_event(event, seal, find))
            return made

        return await self._with_keys(names, opened)

    async def _opened_parts(self, parts: list[list[EventT]]) -> list[list[EventT]]:
        """As `opened`, for several lists, whose keys are fetched together."""
        events = await self.opened([event for part in parts for event in part])
        found, start = [], 0
        for part in parts:
            found.append(events[start : start + len(part)])
            start += len(part)
        return found

    async def _opened_values(self, events: dict[Any, EventT]) -> dict[Any, EventT]:
        return dict(zip(events, await self.opened(list(events.values())), strict=True))

    async def _with_keys(
        self, names: Collection[str], opened: Callable[[Mapping[str, Scope]], T]
    ) -> T:
        """The result of `opened` with the keys of these scopes, fetched again if another process has made newer ones."""
        if not self.ring.ready():
            await self.ring.look()
        try:
            return opened(await self.ring.scopes(names))
        except UnknownKey:
            self.ring.forget(names)
        try:
            return opened(await self.ring.scopes(names))
        except UnknownKey as error:
            raise StoreUnavailable(
                reason=f"vault: data key {error.number} is missing in the store ({error.scope})"
            ) from None
