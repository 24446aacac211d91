"""A page of the index: some tokens of a segment, in bytes in which one is found without reading the others.

A head; the tokens, ascending, with a line feed around each; where the list of each ends; these lists, of
the offsets of messages, as gaps; and, by token, the messages that edits gave it. Lists are MessagePack.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

import msgspec

_HEAD = struct.Struct("<III")  # where the ends of lists, the lists, and the edits begin
SHORT = (1 << 16) - 1  # bytes of lists whose ends take two bytes; else four

_encode = msgspec.msgpack.Encoder().encode
_decode_gaps = msgspec.msgpack.Decoder(list[int]).decode
_decode_edits = msgspec.msgpack.Decoder(dict[str, list[int]]).decode


def encoded(posted: Mapping[str, "array[int]"], edited: Mapping[str, list[int]]) -> bytes:
    """`posted` has ascending offsets for tokens without line feeds."""
    names = "".join([f"\n{token}" for token in posted]).encode() + b"\n"
    lists = [_encode(_gaps(offsets)) for offsets in posted.values()]
    ends = list(accumulate(map(len, lists)))
    size = ends[-1] if ends else 0
    table = struct.pack(f"<{len(ends)}{'H' if size <= SHORT else 'I'}", *ends)
    table_at = _HEAD.size + len(names)
    lists_at = table_at + len(table)
    head = _HEAD.pack(table_at, lists_at, lists_at + size)
    return b"".join((head, names, table, *lists, _encode(edited) if edited else b""))


def _gaps(offsets: "array[int]") -> list[int]:
    """Each as its distance from the one before: mostly one byte."""
    return [offsets[0], *(b - a for a, b in pairwise(offsets))]


def offsets(posted: bytes) -> Iterable[int]:
    """What `Page.posted` gave, ascending."""
    return accumulate(_decode_gaps(posted)) if posted else ()


class Page:
    """Answers for one token at a time."""

    __slots__ = ("_data", "_edits_at", "_lists_at", "_table_at", "_width")

    _table_at: int
    _lists_at: int
    _edits_at: int

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._table_at, self._lists_at, self._edits_at = _HEAD.unpack_from(data)
        self._width = 2 if self._edits_at - self._lists_at <= SHORT else 4

    def posted(self, token: bytes) -> bytes:
        """The offsets of its messages, for `offsets`; the longer the more there are, empty if there are none."""
        found = self._data.find(b"\n%b\n" % token, _HEAD.size, self._table_at)
        if found < 0:
            return b""
        place = self._data.count(b"\n", _HEAD.size, found)
        start = self._end(place - 1) if place else self._lists_at
        return self._data[start : self._end(place)]

    def edited(self, token: bytes) -> Sequence[int]:
        """The messages that edits in the segment gave a text with it."""
        if self._data.find(token, self._edits_at) < 0:
            return ()
        return _decode_edits(self._data[self._edits_at :]).get(token.decode(), ())

    def _end(self, place: int) -> int:
        at = self._table_at + place * self._width
        return self._lists_at + int.from_bytes(self._data[at : at + self._width], "little")
