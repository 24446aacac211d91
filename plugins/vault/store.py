"""A store around the store, which seals contents before they are written and opens them as they are read.

Every method of the contract is written out here: a method that a later version of the contract brings is missing, and
the server refuses to start, instead of passing contents on in clear.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, TypeVar

from chatserver import (
    AnyEvent,
    Appended,
    IndexPage,
    IndexPlace,
    MemberEvent,
    MessageChange,
    MessagePosted,
    Replies,
    RoomChanged,
    Store,
    StoreUnavailable,
    Tally,
    Unread,
)
from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.keyring import MARKS, NAME, PERSON, SPACE, Keyring, Scope
from chatserver_plugins.vault.sealing import (
    NONCE_BYTES,
    NUMBERS,
    Cipher,
    Destroyed,
    Find,
    Sealer,
    UnknownKey,
)

EventT = TypeVar("EventT", bound=AnyEvent)
T = TypeVar("T")
OPTIONAL = (
    "compact",
    "facts",
    "folder",
    "for_trial",
    "replication",
    "scrub",
)  # methods that see no content
TOKENS = "tokens"  # the scope of the key by which words are hashed
TOKENS_KNOWN = 1 << 16  # hashes that are kept, as most words come again and again
REPLACED_AT_ONCE = 100  # events, as each is read on its own
# Spaces of records that say what somebody has written, and whose keys are `USER` or begin with `USER/`.
WRITTEN_BY = frozenset(
    ("expiring/drafts", "plugin/profiles", "plugin/reminders", "plugin/scheduled")
)
NONE: sealing.Readers = {}
PERSONAL_BYTES = sealing.HEADS[sealing.PERSONAL]
HIGHEST_SLOT, HIGHEST_FIRST = (1 << 31) - 1, (1 << 63) - 1


def _not_open(token: bytes) -> int:
    raise StoreUnavailable(reason="vault: the store is not open, or has no index yet")


def room_scope(room: str) -> str:
    return f"room/{room}"


def index_scope(room: str) -> str:
    return f"index/{room}"


def records_scope(space: str) -> str:
    return f"records/{space}"


def person_scope(user: str) -> str:
    """The scope of a user's key; "" if nobody (""), as then there is none."""
    return f"{PERSON}{user}" if user else ""


def record_scopes(space: str, key: str) -> tuple[str, str]:
    """The scope of a record's space, and that of whoever has written the record."""
    writer = key.partition("/")[0] if space in WRITTEN_BY else ""
    return records_scope(space), person_scope(writer)


def event_scopes(event: AnyEvent) -> tuple[str, str]:
    """The scope of an event's room, and that of whoever has written it."""
    return room_scope(event.room), person_scope(sealing.writer_of(event))


def index_room(room: str) -> str:
    """The name under which the inner store keeps the sealed index of a room.

    Another name than the room's own: so the index that was made before the vault was turned on is not taken for it,
    and a new one is made. No room has such a name.
    """
    return f"\x01index/{room}"


class SealedStore:
    """Keeps the contract of `chatserver.Store` by means of `inner`."""

    def __init__(self, inner: Store, ring: Keyring) -> None:
        self._inner, self.ring = inner, ring
        self._hashed: Callable[[bytes], int] = _not_open
        for name in OPTIONAL:
            if (method := getattr(inner, name, None)) is not None:
                setattr(self, name, method)
        if hasattr(inner, "put_many"):
            self.put_many = self._put_many

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

    async def _take_token_key(self) -> None:
        key = await self.ring.lasting(TOKENS)
        if key is not None:
            self._hashed = lru_cache(TOKENS_KNOWN)(partial(_hashed, key))

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

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        return await self._opened_values(await self._inner.rooms(rooms))

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        return await self.opened(await self._inner.public_rooms(after, limit))

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        return await self._inner.list_rooms(after, limit)

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        return await self.opened(await self._inner.members(rooms))

    async def memberships(self, user: str) -> list[MemberEvent]:
        return await self.opened(await self._inner.memberships(user))

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        return await self._inner.unread(user, after)

    # -- the search index --------------------------------------------------------------------------------

    def hash_token(self, token: bytes) -> int:
        """Where a word is in the index: a keyed hash, as else the pages that there are would tell of rare words."""
        return self._hashed(token)

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        await self._inner.index(index_room(room), upto, await self._sealed_pages(room, pages))

    async def _sealed_pages(self, room: str, pages: Sequence[IndexPage]) -> list[IndexPage]:
        sealer = await self._sealer(index_scope(room), "")
        nonces = os.urandom(NONCE_BYTES * len(pages))
        name, sealed = index_room(room), []
        for number, page in enumerate(pages):
            place, nonce = (room, page.slot, page.first), _nonce(nonces, number)
            data = sealing.sealed_page(place, page.data, sealer, nonce)
            sealed.append(IndexPage(name, page.slot, page.first, data))
        return sealed

    async def reseal_pages(self, places: Sequence[IndexPlace], numbers: Collection[int]) -> None:
        """Seal those of these pages of one room anew that one of these keys has sealed.

        A page that another node writes at the same time may be put back. Whoever takes words out of the index does so
        once more later for such cases, and what else is written at one place is the same, or may be missing.
        """
        room = places[0][0]
        inner = [(index_room(room), slot, first) for _, slot, first in places]
        stored = zip(places, await self._inner.index_pages(inner), strict=True)
        old = {place: page for place, page in stored if page and _number_of(page) in numbers}
        if not old:
            return
        scope = index_scope(room)

        def opened(scopes: Mapping[str, Scope]) -> list[IndexPage]:
            find = self._find(scopes, scope)
            data = {place: sealing.opened_page(place, page, find) for place, page in old.items()}
            return [IndexPage(*place, page) for place, page in data.items() if page is not None]

        pages = await self._with_keys([scope], opened)
        await self._inner.index(index_room(room), 0, await self._sealed_pages(room, pages))

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        names = {index_room(room): room for room in rooms}
        return {
            names[name]: upto for name, upto in (await self._inner.indexed(list(names))).items()
        }

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        inner = [(index_room(room), slot, first) for room, slot, first in places]
        found = await self._inner.index_pages(inner)
        rooms = {index_scope(place[0]) for place, page in zip(places, found, strict=True) if page}

        def opened(scopes: Mapping[str, Scope]) -> list[bytes | None]:
            return [
                page and sealing.opened_page(place, page, self._find(scopes, index_scope(place[0])))
                for place, page in zip(places, found, strict=True)
            ]

        return await self._with_keys(rooms, opened)

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        await self._inner.drop_index(index_room(room), slot, first)

    # -- records -----------------------------------------------------------------------------------------

    async def get(self, space: str, key: str) -> bytes | None:
        if _is_hidden(space, key):
            return None
        value = await self._inner.get(space, key)
        if value is None:
            return None
        return (await self._opened_records(space, {key: value})).get(key)

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        found = await self._inner.get_many(
            space, [key for key in keys if not _is_hidden(space, key)]
        )
        return await self._opened_records(space, found)

    async def put(self, space: str, key: str, value: bytes) -> None:
        await self._inner.put(space, key, await self._sealed_record(space, key, value))

    async def _put_many(self, space: str, values: Mapping[str, bytes]) -> None:
        sealed = {
            key: await self._sealed_record(space, key, value) for key, value in values.items()
        }
        await self._inner.put_many(space, sealed)  # type: ignore[attr-defined]

    async def add(self, space: str, key: str, value: bytes) -> bool:
        sealed = await self._sealed_record(space, key, value)
        while not await self._inner.add(space, key, sealed):
            stored = await self._inner.get(space, key)
            if stored is None:
                continue
            if await self._opened_records(space, {key: stored}):
                return False
            if await self._inner.swap(space, key, stored, sealed):  # its key was destroyed
                break
        return True

    # What is compared is what was sealed, as no two seals are equal. If the seal in the store changes between reading
    # and writing, the value may still be the same, sealed again: so it is read again.

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        while (stored := await self._equal(space, key, old)) is not None:
            sealed = await self._sealed_record(space, key, new)
            if await self._inner.swap(space, key, stored, sealed):
                return True
        return False

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        if _is_hidden(space, key):
            return False
        if old is None:
            is_there = space not in WRITTEN_BY or await self.get(space, key) is not None
            return await self._inner.delete(space, key) and is_there
        while (stored := await self._equal(space, key, old)) is not None:
            if await self._inner.delete(space, key, stored):
                return True
        return False

    async def _equal(self, space: str, key: str, value: bytes) -> bytes | None:
        """What the inner store has for a record if its value is this one."""
        if _is_hidden(space, key):
            return None
        stored = await self._inner.get(space, key)
        if stored is None:
            return None
        opened = await self._opened_records(space, {key: stored})
        return stored if opened.get(key) == value else None

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        if space == SPACE:
            return []
        rows: list[tuple[str, bytes]] = []
        while True:
            found = await self._inner.scan(space, prefix, after, limit + (space == MARKS))
            shown = {key: value for key, value in found if not _is_hidden(space, key)}
            opened = await self._opened_records(space, shown)
            rows += [(key, opened[key]) for key in shown if key in opened]
            if len(found) < limit or len(rows) >= limit or len(opened) == len(shown):
                return rows[: max(limit, 0)]
            after = found[-1][0]  # the keys of some were destroyed: there may be others behind

    async def spaces(self) -> list[str]:
        found = [space for space in await self._inner.spaces() if space != SPACE]
        if MARKS in found and not await self.scan(MARKS, "", limit=1):
            found.remove(MARKS)
        return found

    # -- sealing and opening -----------------------------------------------------------------------------

    async def sealed(self, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """The events as the inner store gets them."""
        if not self.ring.ready():
            await self.ring.look()
        nonces = os.urandom(NONCE_BYTES * len(events))
        known: Mapping[tuple[str, str], Sealer] = self.ring.writers
        made: list[AnyEvent] = []
        for number, event in enumerate(events):
            writer = "" if isinstance(event, RoomChanged) else event.author.id
            sealer = known.get((event.room, writer))
            if sealer is None:
                if not sealing.is_to_seal(event):
                    made.append(event)
                    continue
                known = await self._writers(events)
                sealer = known[event.room, writer]
            nonce = nonces[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
            made.append(sealing.sealed_event(event, sealer, nonce))
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
        """The events with their contents, in place."""
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

    async def _opened_records(self, space: str, values: Mapping[str, bytes]) -> dict[str, bytes]:
        """The values of records of one space; those whose key was destroyed are left out."""
        if not any(map(sealing.is_sealed, values.values())):
            return dict(values)
        names = dict.fromkeys(name for key in values for name in record_scopes(space, key))

        def opened(scopes: Mapping[str, Scope]) -> dict[str, bytes]:
            found = {}
            for key, value in values.items():
                if sealing.is_sealed(value):
                    find = self._find(scopes, *record_scopes(space, key))
                    try:
                        found[key] = sealing.opened_value(space, key, value, find)
                    except Destroyed:
                        continue
                else:
                    found[key] = value
            return found

        return await self._with_keys(names, opened)

    async def _sealed_record(self, space: str, key: str, value: bytes) -> bytes:
        if _is_hidden(space, key):
            raise ValueError(f"the record {space}/{key} is the vault's own")
        if space == MARKS:  # of another store around this one, which is read without keys
            return value
        sealer = await self._sealer(*record_scopes(space, key))
        return sealing.sealed_value(key, value, sealer, os.urandom(NONCE_BYTES))

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


def _hashed(key: bytes, token: bytes) -> int:
    return int.from_bytes(blake2b(token, digest_size=8, key=key).digest())


def _number_of(page: bytes) -> int:
    """The number of the key of an index page."""
    return sealing.number_of(page[len(sealing.MAGIC) :])


def _nonce(nonces: bytes, number: int) -> bytes:
    return nonces[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]


def _is_hidden(space: str, key: str) -> bool:
    """Whether the record is the vault's own: its keys, its mark."""
    return space == SPACE or (space == MARKS and key == NAME)
