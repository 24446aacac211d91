"""Where to look for what a query asks: the rooms' indexes, and the tails that are in no index yet."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from chatserver.interfaces import IndexPage, Store
from chatserver.model import AnyEvent, MessageEdited, MessagePosted, message_seq
from chatserver.rooms import Room
from chatserver.search import segments
from chatserver.search.analyser import analysed
from chatserver.search.candidates import Groups, Span, by_index
from chatserver.search.query import Query

LOOKED_UP = 12  # tokens of a query in few rooms; the text has the last word anyway
FEW_ROOMS = 100  # in more, fewer tokens are looked up: a token has about ten pages in each
TAIL_EVENTS = 2000  # read of one room's tail: an index is behind by more only while it is made
TAILS_EVENTS = 20_000  # of all together
RANGES = 200  # tails that are read at once
ANY_SEQ = (1 << 63) - 1


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
    """For each room the seqs of messages that may be wanted, descending, in pieces.

    `partial`: some older messages are in no index yet and were not looked at.
    """

    seqs: dict[Room, Iterator[Sequence[int]]]
    partial: bool


class _Tail(NamedTuple):
    after: int  # it begins behind this seq
    found: Collection[int] = ()  # messages, also older ones that were edited in it


class Finder:
    """Finds candidates; asks nobody for rights."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def locate(self, rooms: Sequence[Room], wanted: Wanted, before: int | None) -> Located:
        """`before` is a seq, where there is one room."""
        heads = {room: room.head for room in rooms}
        # First: what is indexed by now is in the pages that are read afterwards.
        indexed = await self._store.indexed([room.id for room in rooms])
        limit = min(TAIL_EVENTS, max(TAILS_EVENTS // max(len(rooms), 1), 1))
        ends = {room: min(indexed.get(room.id, 0), head) for room, head in heads.items()}
        after = {room: max(end, heads[room] - limit) for room, end in ends.items()}
        groups = wanted.groups(len(rooms))
        pages, tails = await asyncio.gather(
            self._pages(rooms, groups, wanted.span), self._tails(after, heads, wanted, limit)
        )
        seqs = {
            room: _descending(
                tails[room], pages.get(room.id, ()), groups, ends[room], before, wanted.span
            )
            for room in rooms
        }
        return Located(seqs, any(after[room] > ends[room] for room in rooms))

    async def _pages(
        self, rooms: Sequence[Room], groups: Groups, span: Span | None
    ) -> dict[str, list[IndexPage]]:
        tokens = {token for group in groups for token in group}
        if span is not None or not groups:
            tokens.add(segments.TIMES)
        slots = {slot for token in tokens for slot in segments.slots(token)}
        pages: dict[str, list[IndexPage]] = {}
        for page in await self._store.index_pages([room.id for room in rooms], sorted(slots)):
            pages.setdefault(page.room, []).append(page)
        return pages

    async def _tails(
        self, after: Mapping[Room, int], heads: Mapping[Room, int], wanted: Wanted, limit: int
    ) -> dict[Room, _Tail]:
        events = {
            room: room.since(after[room], limit) for room in after if after[room] < heads[room]
        }
        missing = [room for room, known in events.items() if known is None]
        for start in range(0, len(missing), RANGES):
            part = missing[start : start + RANGES]
            read = await self._store.ranges([(room.id, after[room]) for room in part], limit)
            events |= zip(part, read, strict=True)
        tails = {room: _Tail(seq) for room, seq in after.items()}
        for room, tail in events.items():
            tails[room] = _Tail(after[room], _said(tail or (), wanted))
            await asyncio.sleep(0)  # others' turn: there may be many
        return tails


def _said(events: Sequence[AnyEvent], wanted: Wanted) -> set[int]:
    """The seqs of messages whose text, or new text, is wanted."""
    found: set[int] = set()
    for event in events:
        if isinstance(event, MessagePosted) and wanted.is_said(event):
            found.add(event.seq)
        elif isinstance(event, MessageEdited) and wanted.is_said(event):
            found.add(message_seq(event.room, event.message) or 0)
    return found


def _descending(
    tail: _Tail,
    pages: Sequence[IndexPage],
    groups: Groups,
    end: int,
    before: int | None,
    span: Span | None,
) -> Iterator[Sequence[int]]:
    top = ANY_SEQ if before is None else before - 1
    yield sorted((seq for seq in tail.found if tail.after < seq <= top), reverse=True)
    older = {seq for seq in tail.found if seq <= tail.after}
    yield from by_index(pages, groups, end, older, top, span)
