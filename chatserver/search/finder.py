"""Finds the candidates for a query, in the rooms' indexes and in the tails that are not indexed yet."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from chatserver.interfaces import Store
from chatserver.model import AnyEvent, Message, MessageEdited, MessagePosted, message_seq
from chatserver.roomlog.room import Room
from chatserver.search import directory, segments
from chatserver.search.analyser import said
from chatserver.search.candidates import Candidates, Span
from chatserver.search.effort import Effort
from chatserver.search.lookup import Lookup
from chatserver.search.marks import mark_token, marks
from chatserver.search.page_cache import PageCache
from chatserver.search.query import Query
from chatserver.search.reading import Groups
from chatserver.search.segments import SIZES

LOOKED_UP = 12  # tokens, in up to FEW_ROOMS rooms; each candidate's text is compared later anyway
FEW_ROOMS = 100  # in more, fewer tokens are looked up: each takes four or more pages a room
TAIL_EVENTS = 2000  # read of one room's tail; an index is further behind only while it is built
TAILS_EVENTS = 20_000  # events read of all rooms' tails together
READ_EVENTS = 400  # events of tails in one read: some 12 MB at the most


class Wanted(NamedTuple):
    """A search without its rooms: the query, ids of authors (empty: all), a span of time.

    A message has one of the marks of each group in `having`.
    """

    query: Query
    authors: Collection[str] = ()
    span: Span | None = None
    having: Sequence[frozenset[str]] = ()

    def groups(self, rooms: int) -> Groups:
        """Groups of tokens to look up in that many rooms. Every answer has a token of each group."""
        most = max(LOOKED_UP * FEW_ROOMS // max(rooms, FEW_ROOMS), 1)
        tokens = dict.fromkeys(token for term in self.query.terms for token in term.tokens)
        groups: list[Sequence[str]] = [(token,) for token in list(tokens)[:most]]
        if self.authors and (not groups or len(groups) + len(self.authors) <= most):
            groups.append([segments.author_token(author) for author in self.authors])
        for wanted in self.having:
            if not groups or len(groups) + len(wanted) <= most:
                groups.append([mark_token(mark) for mark in sorted(wanted)])
        return groups

    def matches(self, event: MessagePosted | MessageEdited | Message) -> bool:
        """Whether it is by one of the authors, has what is wanted, and says all words."""
        if self.authors and event.author.id not in self.authors:
            return False
        if self.having:
            found = {*marks(event)}
            if any(found.isdisjoint(wanted) for wanted in self.having):
                return False
        return self.query.matches(said(event))


class Located(NamedTuple):
    """Candidates by room; more become known as `lookup` reads on.

    `partial`: some older messages are not indexed yet, and the search did not look at them.
    """

    rooms: dict[Room, Candidates]
    lookup: Lookup
    partial: bool


class _Tail(NamedTuple):
    """Matches in the part of a log behind the index: seqs of messages posted or edited there."""

    found: Collection[int] = ()
    latest: int = 0  # time of the newest of these posts and edits, in seconds


class Finder:
    """Finds candidates; the caller checks rights."""

    def __init__(self, store: Store) -> None:
        self._store, self._pages = store, PageCache(store)

    async def locate(
        self, rooms: Sequence[Room], wanted: Wanted, before: int | None, effort: Effort
    ) -> Located:
        """Begin a search in these rooms. `before`, a seq, is for one room only."""
        heads = {room: room.head for room in rooms}
        # Read before the pages, so that the pages have everything that counts as indexed here.
        index = await directory.read(self._store, [room.id for room in rooms])
        ends = {room: min(index.indexed.get(room.id, 0), head) for room, head in heads.items()}
        limit = longest_tail(heads[room] - end for room, end in ends.items())
        after = {room: max(end, heads[room] - limit) for room, end in ends.items()}
        tops = {
            room: head if before is None else min(before - 1, head) for room, head in heads.items()
        }
        found = {room: Candidates(ends[room], tops[room], wanted.span) for room in heads}
        by_id = {room.id: candidates for room, candidates in found.items()}
        groups = wanted.groups(len(rooms))
        lookup = Lookup(self._store, self._pages, by_id, groups, wanted.span)
        lookup.plan(index.known)
        tails, _ = await asyncio.gather(self._tails(after, heads, wanted, effort), lookup.begin())
        for room, tail in tails.items():
            found[room].add_tail(tail.found, after[room], tail.latest)
        return Located(found, lookup, any(after[room] > ends[room] for room in rooms))

    async def _tails(
        self, after: Mapping[Room, int], heads: Mapping[Room, int], wanted: Wanted, effort: Effort
    ) -> dict[Room, _Tail]:
        """Each room's tail; rooms that are fully indexed are left out."""
        behind = {room: heads[room] - after[room] for room in after if after[room] < heads[room]}
        kept = {room: room.since(after[room], limit) for room, limit in behind.items()}
        missing = [(room, behind[room]) for room, known in kept.items() if known is None]
        read = {room: events async for room, events in self._read(after, missing)}
        tails = {room: read[room] if events is None else events for room, events in kept.items()}
        return await _matching(tails, wanted, effort)

    async def _read(
        self, after: Mapping[Room, int], missing: Iterable[tuple[Room, int]]
    ) -> AsyncIterator[tuple[Room, list[AnyEvent]]]:
        """Read the given number of events of each room, beginning behind `after`."""
        for some in _together(missing):
            room, count = some[0]
            if len(some) == 1 and count > READ_EVENTS:
                yield room, await self._read_long(room, after[room], count)
                continue
            places = [(room.id, after[room]) for room, _ in some]
            read = await self._store.ranges(places, max(count for _, count in some))
            for (room, count), found in zip(some, read, strict=True):
                if len(found) < SIZES[0]:  # a longer tail is indexed soon
                    room.lead_up(found)
                yield room, found[:count]

    async def _read_long(self, room: Room, after: int, count: int) -> list[AnyEvent]:
        found: list[AnyEvent] = []
        for start in range(after, after + count, READ_EVENTS):
            limit = min(READ_EVENTS, after + count - start)
            found += await self._store.read(room.id, start, limit)
        return found


def longest_tail(tails: Iterable[int]) -> int:
    """How many events to read of each of these tails at most: so many that all together are TAILS_EVENTS at most."""
    left, lengths = TAILS_EVENTS, sorted(tails)
    for number, length in enumerate(lengths):
        share = left // (len(lengths) - number)
        if length > share:
            return max(1, min(share, TAIL_EVENTS))
        left -= length
    return TAIL_EVENTS


def _together(missing: Iterable[tuple[Room, int]]) -> Iterator[list[tuple[Room, int]]]:
    """Group (room, number of events) so that one query for a group reads at most READ_EVENTS.

    A query has one limit for all its rooms, so each counts with the largest number of its group. A room
    with more than READ_EVENTS is a group by itself.
    """
    group: list[tuple[Room, int]] = []
    for room, count in sorted(missing, key=itemgetter(1)):  # so a group's last room has the most
        if group and count * (len(group) + 1) > READ_EVENTS:
            yield group
            group = []
        group.append((room, count))
    if group:
        yield group


async def _matching(
    tails: Mapping[Room, Sequence[AnyEvent]], wanted: Wanted, effort: Effort
) -> dict[Room, _Tail]:
    """The messages of each room whose text or edited text matches; once the effort is spent, all messages.

    The rooms share the turns of the event loop: one for each of thousands would take longer than their texts.
    """
    found: dict[Room, set[int]] = {room: set() for room in tails}
    latest = dict.fromkeys(tails, 0)
    async for room, event in effort.each(
        (room, event) for room, events in tails.items() for event in events
    ):
        if not isinstance(event, MessagePosted | MessageEdited):
            continue
        if effort.is_spent or wanted.matches(event):
            seq = event.seq
            if isinstance(event, MessageEdited):
                seq = message_seq(event.room, event.message) or 0
            found[room].add(seq)
            latest[room] = max(latest[room], segments.seconds(event.at))
    return {room: _Tail(found[room], latest[room]) for room in tails}
