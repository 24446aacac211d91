"""Which messages of a room may match, by its index: newest first, found out as they are asked for."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import accumulate
from typing import NamedTuple

from chatserver.interfaces import IndexPage
from chatserver.search import segments
from chatserver.search.segments import Page, Segment

# All of these must be there, of each any one token.
Groups = Sequence[Sequence[str]]


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
) -> Iterator[int]:
    """Seqs of messages up to `top` that had all the tokens at some time, descending.

    `pages` are of one room, and hold the groups' tokens and, if there are no groups or there is a
    span, the times. They count up to `end`; `carried` are the seqs of messages that edits after it
    speak of, and are among the answers. Some answers may have the tokens no longer, or be of another
    time than `span`.
    """
    found: defaultdict[Segment, dict[int, bytes]] = defaultdict(dict)
    for page in pages:
        found[segments.segment_of(page.slot, page.first)][page.slot] = page.data
    top = min(top, end)
    waiting = {seq for seq in carried if seq <= top}
    for segment in [each for each in found if each.first < end < each.end]:
        # Somebody was writing it: it may lack pages, or smaller ones have gone because it is there.
        reader = _Reader(segment, found.pop(segment))
        both = reader.posted(groups, span) | reader.edited(groups)
        waiting.update(seq for seq in both if seq <= top)
    for segment in sorted(found, key=lambda each: (each.end, each.end - each.first), reverse=True):
        if segment.first >= end:
            continue  # a larger one has it too
        end = segment.first
        reader = _Reader(segment, found[segment])
        waiting.update(seq for seq in reader.edited(groups) if seq <= top)
        if segment.first >= top:
            continue
        here = {seq for seq in waiting if seq > segment.first}
        waiting -= here
        here.update(seq for seq in reader.posted(groups, span) if seq <= top)
        yield from sorted(here, reverse=True)
        top = segment.first
    yield from sorted(waiting, reverse=True)


class _Reader:
    """One segment; each of its pages is decoded once, and only if it is needed."""

    def __init__(self, segment: Segment, data: Mapping[int, bytes]) -> None:
        self._segment, self._data = segment, data
        self._pages: dict[int, Page] = {}

    def posted(self, groups: Groups, span: Span | None) -> set[int]:
        base = self._segment.first + 1
        found: Collection[int] = (
            _in_all(groups, self._offsets) if groups else range(self._segment.end - base + 1)
        )
        times = self._page(segments.TIMES).edited.get(segments.TIMES) if span and found else None
        if span is None or times is None:
            return {base + offset for offset in found}
        earliest, latest = span
        blocks = {
            block
            for block in range(len(times) // 2)
            if times[2 * block] <= latest and times[2 * block + 1] >= earliest
        }
        return {base + offset for offset in found if offset // segments.BLOCK in blocks}

    def edited(self, groups: Groups) -> set[int]:
        return _in_all(groups, self._targets)

    def _offsets(self, token: str) -> Iterable[int]:
        found = self._page(token).posted.get(token)
        return () if found is None else accumulate(segments.gaps(found))

    def _targets(self, token: str) -> Iterable[int]:
        return self._page(token).edited.get(token, ())

    def _page(self, token: str) -> Page:
        slot = segments.slot_in(self._segment, token)
        if slot not in self._pages:
            data = self._data.get(slot)
            self._pages[slot] = segments.read_page(data) if data else _EMPTY
        return self._pages[slot]


_EMPTY = Page(posted={})


def _in_all(groups: Groups, places: Callable[[str], Iterable[int]]) -> set[int]:
    """Where each group has some token."""
    found: set[int] | None = None
    for group in groups:
        some = {place for token in group for place in places(token)}
        found = some if found is None else found & some
        if not found:
            return set()
    return found or set()
