"""Where to look for what a query asks: the rooms' indexes, and the tails that are in no index yet."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from chatserver.interfaces import Store
from chatserver.model import AnyEvent, MessageEdited, MessagePosted, message_seq
from chatserver.room import Room
from chatserver.search import directory, segments
from chatserver.search.analyser import analysed
from chatserver.search.candidates import Candidates, Span
from chatserver.search.kept import KeptPages
from chatserver.search.lookup import Lookup
from chatserver.search.query import Query
from chatserver.search.reading import Groups
from chatserver.search.segments import SIZES

LOOKED_UP = 12  # tokens of a query in few rooms; the text has the last word anyway
FEW_ROOMS = 100  # in more, fewer tokens are looked up: a token has four pages or more in each
TAIL_EVENTS = 2000  # read of one room's tail: an index is behind by more only while it is made
TAILS_EVENTS = 20_000  # of all together
RANGES = 200  # tails that are read at once
TURN_EVENTS = 20  # of a tail; it is others' turn after a longer one


class Wanted(NamedTuple):
    """What is looked for, beside rooms: a query, ids of authors (none: all), a span of time."""

    query: Query
    authors: Collection[str] = ()
    span: Span | None = None

    def groups(self, rooms: int) -> Groups:
        """What to look up in so many rooms: what all of the answers have, perhaps not only they."""
        most = max(LOOKED_UP * FEW_ROOMS // max(rooms, FEW_ROOMS), 1)
        tokens = dict.fromkeys(token for term in self.query.terms for token in term.tokens)
        groups: list[Sequence[str]] = [(token,) for token in list(tokens)[:most]]
        if self.authors and (not groups or len(groups) + len(self.authors) <= most):
            groups.append([segments.author_token(author) for author in self.authors])
        return groups

    def is_said(self, event: MessagePosted | MessageEdited) -> bool:
        if self.authors and event.author.id not in self.authors:
            return False
        return self.query.matches(analysed(event.body))


class Located(NamedTuple):
    """For each room the candidates, of which more are known as `lookup` reads on.

    `partial`: some older messages are in no index yet and were not looked at.
    """

    rooms: dict[Room, Candidates]
    lookup: Lookup
    partial: bool


class _Tail(NamedTuple):
    """What a room's log has behind its index: messages, also older ones that were edited in it."""

    found: Collection[int] = ()
    latest: int = 0  # when the last of this was said


class Finder:
    """Finds candidates; asks nobody for rights."""

    def __init__(self, store: Store) -> None:
        self._store, self._pages = store, KeptPages(store)

    async def locate(self, rooms: Sequence[Room], wanted: Wanted, before: int | None) -> Located:
        """`before` is a seq, where there is one room."""
        heads = {room: room.head for room in rooms}
        # First: what is indexed by now is in the pages that are read afterwards.
        index = await directory.read(self._store, [room.id for room in rooms])
        limit = min(TAIL_EVENTS, max(TAILS_EVENTS // max(len(rooms), 1), 1))
        ends = {room: min(index.indexed.get(room.id, 0), head) for room, head in heads.items()}
        after = {room: max(end, heads[room] - limit) for room, end in ends.items()}
        tops = {
            room: head if before is None else min(before - 1, head) for room, head in heads.items()
        }
        found = {room: Candidates(ends[room], tops[room], wanted.span) for room in heads}
        by_id = {room.id: candidates for room, candidates in found.items()}
        groups = wanted.groups(len(rooms))
        lookup = Lookup(self._store, self._pages, by_id, groups, wanted.span)
        lookup.plan(index.known)
        tails, _ = await asyncio.gather(self._tails(after, heads, wanted, limit), lookup.begin())
        for room, tail in tails.items():
            found[room].add_tail(tail.found, after[room], tail.latest)
        return Located(found, lookup, any(after[room] > ends[room] for room in rooms))

    async def _tails(
        self, after: Mapping[Room, int], heads: Mapping[Room, int], wanted: Wanted, limit: int
    ) -> dict[Room, _Tail]:
        """Of those rooms that have one."""
        events = {
            room: room.since(after[room], limit) for room in after if after[room] < heads[room]
        }
        missing = [room for room, known in events.items() if known is None]
        for start in range(0, len(missing), RANGES):
            part = missing[start : start + RANGES]
            read = await self._store.ranges([(room.id, after[room]) for room in part], limit)
            for room, found in zip(part, read, strict=True):
                events[room] = found
                if len(found) < SIZES[0]:  # more is in an index soon
                    room.lead_up(found)
        tails: dict[Room, _Tail] = {}
        for room, tail in events.items():
            tails[room] = _said(tail or (), wanted)
            if len(tail or ()) > TURN_EVENTS:
                await asyncio.sleep(0)  # others' turn: there may be many
        return tails


def _said(events: Sequence[AnyEvent], wanted: Wanted) -> _Tail:
    """The messages whose text, or new text, is wanted."""
    found: set[int] = set()
    latest = 0
    for event in events:
        if isinstance(event, MessagePosted | MessageEdited) and wanted.is_said(event):
            seq = event.seq
            if isinstance(event, MessageEdited):
                seq = message_seq(event.room, event.message) or 0
            found.add(seq)
            latest = max(latest, segments.seconds(event.at))
    return _Tail(found, latest)
