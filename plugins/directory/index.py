"""The index of people: records by which one scan finds those whose names begin with a text, in the order of their names.

A person has a record for the whole shown name (`n/NAME\\0ID`) and one for each other word of the names (`w/WORD…\\0ID`).
Another record (`of/ID`) holds what these are made of. It is changed first, and keeps what it was before until the others
have followed: so a crash in between leaves nothing that the next `refresh` does not finish.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, Context, User, comparable_name, name_beginnings

KEY_CHARS = 60  # of a word with what follows it: at most 240 bytes, and enough to tell people apart
MOST_KEYS = 24  # of one person: 20 Japanese characters have as many beginnings
NAME, WORD, OF = "n/", "w/", "of/"
END = "\0"  # before all that can follow in a name, so that Ann comes before Anna

AT_ONCE = 20  # people whose records are written at the same time, which stores do in one go


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What the records of a person are made of: the names as they were then, and their beginnings."""

    username: str
    name: str
    keys: tuple[str, ...]  # the first is the whole shown name

    def is_of(self, user: User) -> bool:
        """Whether the account still has these names, and is to be found."""
        return (user.username, user.name) == (self.username, self.name) and is_listed(user)

    def first(self, beginning: str) -> int | None:
        """The place of the first key with this beginning, by which alone the person is found; None: not at all."""
        matching = (at for at, key in enumerate(self.keys) if key.startswith(beginning))
        return next(matching, None)


class Known(msgspec.Struct, frozen=True):
    """What is indexed of a person, and what was before, of which there may be records still."""

    entry: Entry | None
    before: tuple[Entry, ...] = ()


class Row(NamedTuple):
    """A record: whose (id), what of, and by which of its keys."""

    user: str
    entry: Entry
    at: int

    @property
    def place(self) -> str:
        """Where the next page begins, which says nothing of the person but the id."""
        return f"{self.user}.{self.at}"


_encode = msgspec.json.encode
_entry = msgspec.json.Decoder(Entry).decode
_known = msgspec.json.Decoder(Known).decode


def is_listed(user: User) -> bool:
    """Whether a person is to be found: those with a locked or a deleted account are not."""
    return not (user.disabled or user.deleted)


def entry_of(user: User) -> Entry | None:
    """The entry of an account; None for one that is not listed."""
    if not is_listed(user):
        return None
    shown, username = comparable_name(user.name), comparable_name(user.username)
    words = [*name_beginnings(shown)[1:], username, *name_beginnings(username)[1:]]
    keys = [name_beginnings(shown)[0][:KEY_CHARS]]
    for word in words:
        key = word[:KEY_CHARS]
        if len(keys) < MOST_KEYS and not any(other.startswith(key) for other in keys):
            keys.append(key)
    return Entry(user.username, user.name, tuple(keys))


class Index:
    """Finds people by the beginnings of words of their names."""

    def __init__(self, context: Context) -> None:
        self._records, self._service = context.records, context.service

    async def rows(self, beginning: str, after: str, limit: int) -> list[Row]:
        """At most `limit` records after the one at the place `after`, of people who have a word with this beginning.

        First those of whom it begins the whole name, by name; without a beginning, these alone. A person may have
        several. Raises `ChatError` request.invalid for a place at which there was never anybody.
        """
        start = await self._key_at(after) if after else ""
        found = await self._scan(NAME, beginning, start, limit)
        if beginning and len(found) < limit:
            found += await self._scan(WORD, beginning, start, limit - len(found))
        return found

    async def refresh(self, users: Sequence[str]) -> None:
        """Index the accounts (ids) as they are now, and those that are not listed any more no longer."""
        for start in range(0, len(users), AT_ONCE):
            await asyncio.gather(*map(self._refresh, users[start : start + AT_ONCE]))
            await asyncio.sleep(0)  # a store may answer at once

    async def outdated(self, accounts: Sequence[User]) -> list[str]:
        """The ids of those of whom something else is indexed, or not all."""
        known = await self._records.get_many([OF + account.id for account in accounts])
        return [
            account.id
            for account in accounts
            if _read(known.get(OF + account.id)) != Known(entry_of(account))
        ]

    async def forget(self, user: str) -> None:
        """Index a deleted account no longer, and remove that it ever was."""
        await self.refresh([user])
        await self._records.delete(OF + user, _encode(Known(None)))

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """What is indexed of a person (id), for themselves."""
        entry = _read(await self._records.get(OF + user)).entry
        if entry is not None:
            yield {"username": entry.username, "name": entry.name, "words": entry.keys}

    async def _scan(self, part: str, beginning: str, start: str, limit: int) -> list[Row]:
        if start > part and not start.startswith(part):
            return []  # the page begins behind this part
        after = start if start.startswith(part) else ""
        rows = await self._records.scan(part + beginning, after, limit)
        return [_row(key, value) for key, value in rows]

    async def _key_at(self, place: str) -> str:
        user, _, number = place.rpartition(".")
        raw = await self._records.get(OF + user) if user and number.isdecimal() else None
        if raw is None and user and number.isdecimal() and await self._is_gone(user):
            return ""
        if raw is None:
            raise ChatError("request.invalid", "after: nobody is there. Begin with the first page.")
        entry, at = _known(raw).entry, int(number[:3])
        if entry is None or at >= len(entry.keys):
            return ""  # locked or renamed since the page before: what came already comes again
        return _key(user, entry, at)

    async def _is_gone(self, user: str) -> bool:
        """Whether this is the id of a deleted account."""
        try:
            return (await self._service.accounts.get(user)).deleted
        except ChatError as error:
            if error.code != "user.not_found":
                raise
            return False

    async def _refresh(self, user: str) -> None:
        # Those whose records came after somebody else had removed them, maybe.
        late: tuple[Entry, ...] = ()
        while True:
            raw = await self._records.get(OF + user)
            known = _read(raw)
            entry = entry_of(await self._service.accounts.get(user))  # read last, so the newest
            others = dict.fromkeys((*known.before, known.entry, *late))
            before = tuple(each for each in others if each is not None and each != entry)
            if known == Known(entry) and not before:
                return
            begun = _encode(Known(entry, before))
            if not await self._swap(user, raw, begun):
                continue
            wanted = _keys(user, entry)
            for key, value in wanted.items():
                await self._records.put(key, value)
            for old in before:
                for key in _keys(user, old).keys() - wanted.keys():
                    await self._records.delete(key)
            if await self._swap(user, begun, _encode(Known(entry))):
                return
            late = before if entry is None else (*before, entry)

    async def _swap(self, user: str, old: bytes | None, new: bytes) -> bool:
        if old == new:
            return await self._records.get(OF + user) == old
        if old is None:
            return await self._records.add(OF + user, new)
        return await self._records.swap(OF + user, old, new)


def _read(raw: bytes | None) -> Known:
    return Known(None) if raw is None else _known(raw)


def _key(user: str, entry: Entry, at: int) -> str:
    return f"{WORD if at else NAME}{entry.keys[at]}{END}{user}"


def _keys(user: str, entry: Entry | None) -> Mapping[str, bytes]:
    if entry is None:
        return {}
    value = _encode(entry)
    return {_key(user, entry, at): value for at in range(len(entry.keys))}


def _row(key: str, value: bytes) -> Row:
    text, _, user = key.partition("/")[2].rpartition(END)
    entry = _entry(value)
    return Row(user, entry, entry.keys.index(text))
