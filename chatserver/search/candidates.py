"""Candidates of one room: messages that may match, newest first, collected segment by segment."""

from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from chatserver.search.directory import Directory, Known
from chatserver.search.segments import NEVER

ANY_SEQ = (1 << 63) - 1


class Span(NamedTuple):
    """A range of times in seconds, both ends included."""

    earliest: int
    latest: int

    def has(self, known: Known) -> bool:
        """Whether every message of the segment falls in the span."""
        return self.earliest <= known.earliest and known.latest <= self.latest


class _Piece(NamedTuple):
    """Seqs of some candidates, ascending. None in this or a later piece was posted after `bound`."""

    bound: int
    seqs: list[int]


class Candidates:
    """One room's candidates, each once, by descending seq.

    Some version of a candidate's text had all the tokens of the query; its present text may not.
    """

    def __init__(self, end: int, top: int = ANY_SEQ, span: Span | None = None) -> None:
        """The room is indexed up to `end`. Candidates have seq <= `top` and, if known, a time in the span."""
        self._end, self._top, self._span = end, top, span
        self._edited: set[int] = set()  # seqs of edited messages in segments yet to be read
        self._read = ANY_SEQ  # segments that begin at this seq or later have been read
        self._below = top  # the highest seq that unread segments may still contribute
        self.reached = 0  # the end of the newest segment with a message as old as the span
        self._unread: list[Known] = []  # the newest is the last
        self._pieces: deque[_Piece] = deque()  # all newer than the unread segments

    @property
    def known(self) -> int:
        """Latest second at which the next known candidate may have been posted; -1 if none is known."""
        return self._pieces[0].bound if self._pieces else -1

    @property
    def bound(self) -> int | None:
        """Latest second at which a remaining candidate may have been posted; None if none remains."""
        if self._unread:
            return max(self.known, self._unread[-1].latest)
        return self.known if self._pieces else None

    def ready(self, second: int) -> int:
        """Number of known candidates dated at or after `second`."""
        return sum(
            len(piece.seqs) for piece in takewhile(lambda each: each.bound >= second, self._pieces)
        )

    def take(self, most: int) -> tuple[list[int], bool]:
        """Remove and return at most `most` candidates of the first piece, and whether that emptied it."""
        seqs = self._pieces[0].seqs
        taken = seqs[: -most - 1 : -1]
        del seqs[-most:]
        if not seqs:
            self._pieces.popleft()
        return taken, not seqs

    def add_tail(self, found: Iterable[int], after: int, latest: int) -> None:
        """Add messages posted or edited behind the seq `after`, none later than the second `latest`.

        Call it before any segment is read.
        """
        seqs = sorted(seq for seq in found if seq <= self._top)
        self._edited.update(seq for seq in seqs if seq <= self._end)
        if behind := [seq for seq in seqs if seq > self._end]:
            is_gap = behind[0] <= after  # edited here, but neither indexed nor read
            self._pieces.append(_Piece(NEVER if is_gap else latest, behind))

    def plan(self, directory: Directory) -> Sequence[Known]:
        """Choose the segments to read, ascending: neither read before nor outside the span and seq limit."""
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
        """Add the newest unread segment's hits: seqs posted in it, and seqs of messages edited in it."""
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
    """Split a segment's ascending seqs by the segment's parts, the newest first; empties `seqs`."""
    for first, latest in known.parts():
        place = bisect_right(seqs, first)
        if place < len(seqs):
            yield _Piece(latest, seqs[place:])
            del seqs[place:]
