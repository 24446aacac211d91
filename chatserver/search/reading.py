"""Narrows one segment's messages, token by token, to those that may match a search."""

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import chain
from operator import itemgetter
from typing import NamedTuple
from zlib import crc32

from chatserver.interfaces import IndexPlace
from chatserver.search import segments
from chatserver.search.candidates import Span
from chatserver.search.directory import Known
from chatserver.search.pages import Postings, look_up, marked, offsets


class Token(NamedTuple):
    """A token in the form that pages hold (`pages.marked`), and its hash."""

    mark: bytes
    digest: int


# A message must have a token of every group.
Groups = Sequence[Sequence[str]]
Group = Sequence[Token]  # one group, prepared for `look_up`


def as_group(tokens: Iterable[str], hashed: segments.TokenHash = crc32) -> Group:
    """`hashed` is that of `segments.token_hash`; that of TIMES is always CRC-32."""
    return [Token(marked(token), hashed(token.encode())) for token in tokens]


TIMES = as_group([segments.TIMES])
NONE: Set[int] = frozenset()


class Reading:
    """One segment and its messages that may still match, fewer as more postings are read."""

    __slots__ = (
        "_edited",
        "_newest",
        "_posted",
        "_slots",
        "events",
        "has_missing_pages",
        "known",
        "room",
    )

    def __init__(self, room: str, known: Known) -> None:
        self.room, self.known = room, known
        segment = known.segment
        self.events = segment.end - segment.first
        self._newest, self._slots = segment.newest, segment.lowest_slot
        self.has_missing_pages = False  # of a dropped segment, or empty, which are not stored
        self._posted: Collection[int] | None = None  # offsets; None: all
        self._edited: Set[int] | None = None  # seqs; None: all

    @property
    def size(self) -> int:
        """Upper bound of the messages left; edited ones may count twice."""
        if self._posted is None:
            return self.events
        return len(self._posted) + len(self._edited or ())

    def places(self, group: Group) -> list[IndexPlace]:
        """The places of the group's pages, one for each token."""
        room, slots, newest = self.room, self._slots, self._newest
        return [(room, slots + digest % slots, newest) for _, digest in group]

    def narrow(
        self, groups: Sequence[Group], pages: Iterator[bytes | None]
    ) -> Sequence[int] | None:
        """Keep only messages that have a token of each group; consumes the pages at each group's `places`.

        Returns the size of each group's postings, in bytes; None if no message is left.
        """
        found = [self._found(group, pages) for group in groups]
        if not all(found):
            self._posted = self._edited = NONE
            return None
        for some in found:
            if self._edited is None:
                self._edited = {seq for each in some for seq in each.edited}
            elif self._edited:
                self._edited &= {seq for each in some for seq in each.edited}
        lists = [[each.posted for each in some] for some in found]
        sizes = [*map(_size, lists)]
        for _, some_lists in sorted(zip(sizes, lists, strict=True), key=itemgetter(0)):
            # Shortest first: it leaves the least to compare.
            self._posted = _within(self._posted, some_lists)
        return sizes

    def _found(self, group: Group, pages: Iterator[bytes | None]) -> list[Postings]:
        """The group's postings in the segment, from the next pages, one for each token."""
        found: list[Postings] = []
        for token in group:
            data = next(pages)
            if data is None:
                self.has_missing_pages = True
            else:
                found += look_up(data, token.mark)
        return found

    def narrow_times(self, span: Span, data: bytes | None, *, is_newest: bool) -> None:
        """Keep only messages whose block overlaps the span; keep all edited messages.

        In the newest segment that reaches back to the span (`is_newest`), blocks behind the last one with a
        message no later than the span's end are dropped too. An earlier block stays, even if a fast clock
        dated all its messages later.
        """
        if data is None:
            self.has_missing_pages = True
            return
        segment = self.known.segment
        times = [*segments.times(segment, data)]
        newest = segment.size
        if is_newest:
            reached = (each.block for each in times if each.earliest <= span.latest)
            newest = max(reached, default=newest)
        blocks = {
            each.block for each in times if each.block <= newest and each.latest >= span.earliest
        }
        posted = range(self.events) if self._posted is None else self._posted
        self._posted = [each for each in posted if each // segment.block in blocks]

    def posted(self) -> Sequence[int]:
        """The seqs of the messages left."""
        if not self._posted and self._posted is not None:
            return ()
        base = self.known.segment.first + 1
        return [
            base + offset
            for offset in (range(self.events) if self._posted is None else self._posted)
        ]

    def edited(self) -> Collection[int]:
        """The seqs of messages edited in the segment that may still match."""
        return self._edited or ()


def _size(lists: Iterable[bytes]) -> int:
    return sum(map(len, lists))


def _within(found: Collection[int] | None, lists: Sequence[bytes]) -> Collection[int]:
    if found is not None and not found:
        return found
    some = offsets(lists[0]) if len(lists) == 1 else chain.from_iterable(map(offsets, lists))
    return set(some) if found is None else set(found).intersection(some)
