"""Builds a segment's pages from the messages and edits of its newest part."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

from chatserver.model import AnyEvent, MessageEdited, MessagePosted, message_seq
from chatserver.search.analyser import said, tokens
from chatserver.search.marks import mark_token, marks
from chatserver.search.pages import encoded
from chatserver.search.segments import (
    NEVER,
    TIMES,
    Segment,
    TokenHash,
    author_token,
    seconds,
    slot_in,
)


class Builder:
    """Builds the bytes that a segment's newest part appends to its pages, from the part's events in order."""

    def __init__(self, segment: Segment, hashed: TokenHash) -> None:
        """`hashed` is that of `token_hash`."""
        self._segment, self._slots, self._hashed = segment, segment.lowest_slot, hashed
        self._posted: dict[str, array[int]] = {}
        self._edited: defaultdict[str, list[int]] = defaultdict(list)
        self._start = segment.newest - segment.first
        self._times = [NEVER, 0] * (segment.size // segment.block)
        self._on_page: defaultdict[int, list[str]] = defaultdict(list)  # tokens of `_posted`

    def add(self, event: AnyEvent) -> None:
        if isinstance(event, MessagePosted):
            offset, hashed = event.seq - self._segment.first - 1, self._hashed
            for token in _tokens(event):
                offsets = self._posted.get(token)
                if offsets is None:
                    self._posted[token] = array("H", (offset,))
                    # Inlined: it would be called a hundred times for each message.
                    self._on_page[self._slots + hashed(token.encode()) % self._slots].append(token)
                else:
                    offsets.append(offset)
            self._note_time((offset - self._start) // self._segment.block * 2, seconds(event.at))
        elif isinstance(event, MessageEdited):
            message = message_seq(event.room, event.message)
            if message is not None:
                for token in _tokens(event):
                    self._edited[token].append(message)

    def times(self) -> tuple[int, int]:
        """The earliest and latest time of a message in the part, in seconds; (NEVER, 0) without messages."""
        return min(self._times[::2]), max(self._times[1::2])

    def lowest(self) -> int:
        """The lowest seq of the messages edited in the part, but at most the part's first seq."""
        edited = (min(messages) for messages in self._edited.values())
        return min([self._segment.newest + 1, *edited])

    def _note_time(self, place: int, at: int) -> None:
        self._times[place] = min(self._times[place], at)
        self._times[place + 1] = max(self._times[place + 1], at)

    def pages(self) -> Iterator[tuple[int, bytes]]:
        """Pairs (slot, bytes to append to its page), by ascending slot; slots without new bytes are left out."""
        edited: defaultdict[int, dict[str, Sequence[int]]] = defaultdict(dict)
        times = (self._start, *self._times)
        for token, messages in sorted(self._edited.items()):
            edited[self._slots + self._hashed(token.encode()) % self._slots][token] = messages
        edited[slot_in(self._segment, TIMES.encode())][TIMES] = times
        for slot in sorted(self._on_page.keys() | edited.keys()):
            posted = {token: self._posted[token] for token in sorted(self._on_page.get(slot, ()))}
            yield slot, encoded(posted, edited.get(slot, {}))


def _tokens(event: MessagePosted | MessageEdited) -> Iterator[str]:
    yield from tokens(said(event))
    yield author_token(event.author.id)
    yield from map(mark_token, marks(event))
