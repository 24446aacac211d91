"""Which messages of a room may match, newest first, as its segments are read one after the other."""

from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from chatserver.search.directory import Directory, Known
from chatserver.search.segments import NEVER

ANY_SEQ = (1 << 63) - 1


class Span(NamedTuple):
    """Times in seconds, both included, that messages may be of."""

    earliest: int
    latest: int

    def has(self, known: Known) -> bool:
        """Is all of a segment of these times?"""
        return self.earliest <= known.earliest and known.latest <= self.latest


class _Piece(NamedTuple):
    """Some candidates, ascending, and when the last of all that come was said at the latest."""

    bound: int
    seqs: list[int]


class Candidates:
    """Of one room: each once, by descending seq. They had all the tokens at some time, perhaps not now."""

    def __init__(self, end: int, top: int = ANY_SEQ, span: Span | None = None) -> None:
        """There is an index up to `end`. Wanted are seqs up to `top`, and only what may be of the span."""
        self._end, self._top, self._span = end, top, span
        self._edited: set[int] = set()  # seqs in segments yet to be read
        self._read = ANY_SEQ  # segments from here on have been
        self._below = top  # of what comes from segments yet to be read
        self.reached = 0  # the end of the newest segment that has something as old as the span
        self._unread: list[Known] = []  # the newest one is the last
        self._pieces: deque[_Piece] = deque()  # come before all unread

    @property
    def known(self) -> int:
        """The next one was not said after this second; -1 if it is not known."""
        return self._pieces[0].bound if self._pieces else -1

    @property
    def bound(self) -> int | None:
        """None that comes was said after this second; None if none comes."""
        if self._unread:
            return max(self.known, self._unread[-1].latest)
        return self.known if self._pieces else None

    def ready(self, second: int) -> int:
        """How many are known whose `known` is this second or later."""
        return sum(
            len(piece.seqs) for piece in takewhile(lambda each: each.bound >= second, self._pieces)
        )

    def take(self, most: int) -> tuple[list[int], bool]:
        """The next known ones of one `known`; and whether these are all of it."""
        seqs = self._pieces[0].seqs
        taken = seqs[: -most - 1 : -1]
        del seqs[-most:]
        if not seqs:
            self._pieces.popleft()
        return taken, not seqs

    def add_tail(self, found: Iterable[int], after: int, latest: int) -> None:
        """What the log behind the seq `after`, read to its end, has or has edits of; all said up to `latest`.

        Comes before all else.
        """
        seqs = sorted(seq for seq in found if seq <= self._top)
        self._edited.update(seq for seq in seqs if seq <= self._end)
        if behind := [seq for seq in seqs if seq > self._end]:
            is_gap = behind[0] <= after  # that is in no index, and was not read
            self._pieces.append(_Piece(NEVER if is_gap else latest, behind))

    def plan(self, directory: Directory) -> Sequence[Known]:
        """Read these segments, but for those that were and those that can't matter; tells which, ascending."""
        span = self._span
        if span:
            reached = (each.segment.end for each in directory if each.earliest <= span.latest)
            self.reached = max(reached, default=0)
            self._below = min(self._below, self.reached)
        self._unread = [
            each
            for each in directory
            if each.lowest <= self._below
            and each.segment.first < self._read
            and not (span and each.latest < span.earliest)
        ]
        return self._unread

    def read(self, posted: Sequence[int], edited: Collection[int]) -> None:
        """Take in the newest of the unread segments: seqs of messages that had the tokens in it."""
        known = self._unread.pop()
        self._read = known.segment.first
        if edited:
            self._edited.update(seq for seq in edited if seq <= self._below)
        if self._read >= self._below:
            return
        here = {seq for seq in posted if seq <= self._below}
        if self._edited:
            older = {seq for seq in self._edited if seq <= self._read}
            here |= self._edited - older
            self._edited = older
        self._below = self._read
        if here:
            self._pieces += _pieces(known, sorted(here))


def _pieces(known: Known, seqs: list[int]) -> Iterator[_Piece]:
    """What is in each part of a segment, the newest first."""
    for first, latest in known.parts():
        place = bisect_right(seqs, first)
        if place < len(seqs):
            yield _Piece(latest, seqs[place:])
            del seqs[place:]
