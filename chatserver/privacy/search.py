"""Looks for what the store still holds of a person: their id, names and addresses, in all records and the whole log.

It reads everything, as it is stored, and trusts no part to know its own. Files are known by their records; their
contents are not looked through.
"""

import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal

import msgspec

from chatserver.interfaces import Store
from chatserver.model import AnyEvent, MessageEdited, MessagePosted
from chatserver.privacy.erasures import SPACE as ERASURES
from chatserver.service.changes import SPACE as CHANGES
from chatserver.service.directory import USERS, decode_user

PAGE = 500
SHORTEST = 2  # characters of a text that is looked for: shorter ones are everywhere
# Spaces that name accounts by their id and nothing else: notes to other nodes, which end within a minute; erasures.
KEPT_IDS = (CHANGES, ERASURES)

Kind = Literal["id", "text"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place where something of the person was found: a record (`space`, `key`) or an event (`room`, `seq`).

    `what` is what was found there: their id, or a text. `stays`: an erasure leaves it there on purpose.
    """

    what: Kind
    stays: bool
    space: str = ""
    key: str = ""
    room: str = ""
    seq: int = 0
    by: str = ""  # id of the author of the event


class Searching:
    """Searches the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def places(self, user: str, texts: Sequence[str] = ()) -> AsyncIterator[Place]:
        """Every place that holds the user's id or one of the texts, such as a name; case does not matter."""
        wanted = [_folded(text) for text in texts if len(text.strip()) >= SHORTEST]
        async for place in self._in_records(user, wanted):
            yield place
        async for place in self._in_log(user, wanted):
            yield place

    async def places_in(
        self, user: str, texts: Sequence[str], rooms: Sequence[str]
    ) -> AsyncIterator[Place]:
        """The same of all records and of these rooms alone."""
        wanted = [_folded(text) for text in texts]
        async for place in self._in_records(user, wanted):
            yield place
        for room in rooms:
            async for place in self._in_room(room, user, wanted):
                yield place

    async def _in_records(self, user: str, wanted: Sequence[str]) -> AsyncIterator[Place]:
        for space in await self._store.spaces():
            after = ""
            while rows := await self._store.scan(space, "", after, PAGE):
                after = rows[-1][0]
                for key, value in rows:
                    for what in _found(user, wanted, key, value):
                        stays = what == "id" and _keeps_id(space, key, value, user)
                        yield Place(what=what, stays=stays, space=space, key=key)

    async def _in_log(self, user: str, wanted: Sequence[str]) -> AsyncIterator[Place]:
        last = ""
        while rooms := await self._store.list_rooms(last, PAGE):
            last = rooms[-1]
            for room in rooms:
                async for place in self._in_room(room, user, wanted):
                    yield place

    async def _in_room(self, room: str, user: str, wanted: Sequence[str]) -> AsyncIterator[Place]:
        after = 0
        while events := await self._store.read(room, after, PAGE):
            after = events[-1].seq
            for event in events:
                for place in _places(event, user, wanted):
                    yield place


def _places(event: AnyEvent, user: str, wanted: Sequence[str]) -> Iterator[Place]:
    """Where an event holds something. Its id orders the log and stays; so does what others wrote in their own words."""
    place = Place(what="id", stays=True, room=event.room, seq=event.seq, by=event.author.id)
    line = msgspec.json.encode(event).decode()
    if user in line:
        yield place
    is_said = isinstance(event, MessagePosted | MessageEdited)
    if any(text in _folded(line) for text in wanted):
        by_others = is_said and event.author.id != user
        yield msgspec.structs.replace(place, what="text", stays=by_others)


def _found(user: str, wanted: Sequence[str], key: str, value: bytes) -> Iterator[Kind]:
    text = value.decode("utf-8", "replace")
    if user in key or user in text:
        yield "id"
    folded = _folded(f"{key}\0{text}")
    # Some values hold others in base64, whose letters fall in one of three ways.
    if any(each in folded for each in wanted) or any(
        code in text for each in wanted for code in _codes(each)
    ):
        yield "text"


def _codes(text: str) -> Iterator[str]:
    """What base64 makes of a text, wherever it begins, without the letters that its surroundings change."""
    raw = text.encode()
    if len(raw) < 6:  # what is left would be too short to mean anything
        return
    for before in range(3):
        code = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        yield code[(before * 8 + 5) // 6 : len(code) - 1]


def _keeps_id(space: str, key: str, value: bytes, user: str) -> bool:
    """Whether a record may name the id for good: of the account itself the shell alone, and those of others."""
    if space == USERS and key == user:
        return decode_user(value).deleted
    if user not in key:  # somebody else's record, such as of what the person did
        return True
    return space in KEPT_IDS


def _folded(text: str) -> str:
    return text.casefold()
