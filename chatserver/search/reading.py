"""What a segment of the index has of what is looked for, token by token."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import NamedTuple
from zlib import crc32

from chatserver.interfaces import IndexPlace
from chatserver.search import segments
from chatserver.search.candidates import Span
from chatserver.search.directory import Known
from chatserver.search.pages import NOTHING, Found, look_up, offsets


class Token(NamedTuple):
    """As the index has it, and its hash."""

    name: bytes
    digest: int


# All of these must be there, of each any one token.
Groups = Sequence[Sequence[str]]
Group = Sequence[Token]  # one of these

Pages = Mapping[IndexPlace, bytes | None]


def as_group(tokens: Iterable[str]) -> Group:
    return [Token(name, crc32(name)) for name in map(str.encode, tokens)]


TIMES = as_group([segments.TIMES])
NONE: Set[int] = frozenset()


class Reading:
    """One segment, and what is left of it as more is read."""

    __slots__ = ("_edited", "_first", "_posted", "_slots", "events", "known", "lacks", "room")

    def __init__(self, room: str, known: Known) -> None:
        self.room, self.known = room, known
        self._first, end = known.segment
        self.events = end - self._first
        self._slots = known.segment.lowest_slot
        self.lacks = False  # a page was not there
        self._posted: Collection[int] | None = None  # offsets; None: all
        self._edited: Set[int] | None = None  # seqs; None: all

    @property
    def size(self) -> int:
        """How many messages there may be; edited ones may count twice."""
        if self._posted is None:
            return self.events
        return len(self._posted) + len(self._edited or ())

    def places(self, group: Group) -> list[IndexPlace]:
        """Of the pages to be read for it, a page for each token."""
        room, slots, first = self.room, self._slots, self._first
        return [(room, slots + digest % slots, first) for _, digest in group]

    def narrow(self, groups: Sequence[Group], pages: Pages) -> list[int] | None:
        """Leave only what has something of each group as well. Tells how much of each there is, if any is left."""
        lists: list[list[bytes]] = []
        for group in groups:
            found = self._found(group, pages)
            if not found:
                self._posted = self._edited = NONE
                return None
            lists.append([each.posted for each in found])
            if self._edited is None:
                self._edited = {seq for each in found for seq in each.edited}
            elif self._edited:
                self._edited &= {seq for each in found for seq in each.edited}
        for some in sorted(lists, key=_size):  # the shortest first: that leaves least to compare
            self._posted = _within(self._posted, some)
        return [*map(_size, lists)]

    def _found(self, group: Group, pages: Pages) -> list[Found]:
        """Of each token that is here."""
        found: list[Found] = []
        for name, digest in group:
            data = pages[self.room, self._slots + digest % self._slots, self._first]
            if data is None:
                self.lacks = True
            elif (each := look_up(data, name)) is not NOTHING:
                found.append(each)
        return found

    def narrow_times(self, span: Span, pages: Pages) -> None:
        """Leave only messages that may be of these times, and those that edits lead to."""
        found = self._found(TIMES, pages)
        times = found[0].edited if found else ()
        if not times:
            return
        blocks = {
            block
            for block, (first, last) in enumerate(zip(times[::2], times[1::2], strict=True))
            if first <= span.latest and last >= span.earliest
        }
        posted = range(self.events) if self._posted is None else self._posted
        self._posted = [each for each in posted if each // segments.BLOCK in blocks]

    def posted(self) -> Sequence[int]:
        """The seqs that are left."""
        if not self._posted and self._posted is not None:
            return ()
        base = self._first + 1
        return [
            base + offset
            for offset in (range(self.events) if self._posted is None else self._posted)
        ]

    def edited(self) -> Collection[int]:
        """The seqs that edits in the segment lead to."""
        return self._edited or ()


def _size(lists: Iterable[bytes]) -> int:
    return sum(map(len, lists))


def _within(found: Collection[int] | None, lists: Sequence[bytes]) -> Collection[int]:
    if found is not None and not found:
        return found
    if len(lists) == 1:
        some: Iterable[int] = offsets(lists[0])
    else:
        some = {offset for each in lists for offset in offsets(each)}
    return set(some) if found is None else set(found).intersection(some)
