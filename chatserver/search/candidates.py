"""Which messages of a room may match, by its index: newest first, found out as they are asked for."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from chatserver.interfaces import IndexPage
from chatserver.search import segments
from chatserver.search.pages import Page
from chatserver.search.segments import Segment

# All of these must be there, of each any one token.
Groups = Sequence[Sequence[str]]
_Sought = Sequence[Sequence[bytes]]  # the same as the index has them

_TIMES = segments.TIMES.encode()


class Span(NamedTuple):
    """Times in seconds, both included, that messages may be of."""

    earliest: int
    latest: int


def by_index(
    pages: Iterable[IndexPage],
    groups: Groups,
    end: int,
    carried: Set[int],
    top: int,
    span: Span | None = None,
) -> Iterator[Sequence[int]]:
    """Seqs of messages up to `top` that had all the tokens at some time, descending, in some pieces.

    `pages` are of one room, and hold the groups' tokens and, if there are no groups or there is a
    span, the times. They count up to `end`; `carried` are the seqs of messages that edits after it
    speak of, and are among the answers. Some answers may have the tokens no longer, or be of another
    time than `span`.
    """
    found: defaultdict[Segment, dict[int, bytes]] = defaultdict(dict)
    for page in pages:
        found[segments.segment_of(page.slot, page.first)][page.slot] = page.data
    sought = [[token.encode() for token in group] for group in groups]
    top = min(top, end)
    waiting = {seq for seq in carried if seq <= top}
    for segment in [each for each in found if each.first < end < each.end]:
        # Somebody was writing it: it may lack pages, or smaller ones have gone because it is there.
        reader = _Reader(segment, found.pop(segment), sought)
        both = reader.posted(span) | reader.edited()
        waiting.update(seq for seq in both if seq <= top)
    for segment in sorted(found, key=lambda each: (each.end, each.end - each.first), reverse=True):
        if segment.first >= end:
            continue  # a larger one has it too
        end = segment.first
        reader = _Reader(segment, found[segment], sought)
        if not reader.may_have_all():
            continue
        waiting.update(seq for seq in reader.edited() if seq <= top)
        if segment.first >= top:
            continue
        here = {seq for seq in waiting if seq > segment.first}
        waiting -= here
        here.update(seq for seq in reader.posted(span) if seq <= top)
        yield sorted(here, reverse=True)
        top = segment.first
    yield sorted(waiting, reverse=True)


class _Reader:
    """One segment."""

    def __init__(self, segment: Segment, data: Mapping[int, bytes], groups: _Sought) -> None:
        self._segment, self._data, self._groups = segment, data, groups
        self._pages: dict[bytes, Page | None] = {}

    def may_have_all(self) -> bool:
        """False if no message or edit here has all the tokens; to find that out is quick."""
        return all(any(map(self._may_have, group)) for group in self._groups)

    def _may_have(self, token: bytes) -> bool:
        page = self._page(token)
        return page is not None and page.may_have(token)

    def posted(self, span: Span | None) -> set[int]:
        base = self._segment.first + 1
        found: Collection[int] = (
            _in_all(self._groups, self._offsets)
            if self._groups
            else range(self._segment.end - base + 1)
        )
        times = self._targets(_TIMES) if span and found else ()
        if span is None or not times:
            return {base + offset for offset in found}
        earliest, latest = span
        blocks = {
            block
            for block in range(len(times) // 2)
            if times[2 * block] <= latest and times[2 * block + 1] >= earliest
        }
        return {base + offset for offset in found if offset // segments.BLOCK in blocks}

    def edited(self) -> set[int]:
        return _in_all(self._groups, self._targets)

    def _offsets(self, token: bytes) -> Iterable[int]:
        page = self._page(token)
        return () if page is None else page.posted(token)

    def _targets(self, token: bytes) -> Sequence[int]:
        page = self._page(token)
        return () if page is None else page.edited(token)

    def _page(self, token: bytes) -> Page | None:
        if token not in self._pages:
            data = self._data.get(segments.slot_in(self._segment, token))
            self._pages[token] = None if data is None else Page(data)
        return self._pages[token]


def _in_all(groups: _Sought, places: Callable[[bytes], Iterable[int]]) -> set[int]:
    """Where each group has some token."""
    found: set[int] | None = None
    for group in groups:
        some = {place for token in group for place in places(token)}
        found = some if found is None else found & some
        if not found:
            return set()
    return found or set()
