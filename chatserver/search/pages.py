"""A page of the index: some tokens of a segment, in bytes in which one is found without reading the others.

A head; the tokens, ascending, with a line feed around each; where the list of each ends; these lists, of
the offsets of messages, as gaps; and, by token, the messages that edits gave it. Lists are MessagePack.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

_HEAD = struct.Struct("<III")  # where the ends of lists, the lists, and the edits begin
SHORT = (1 << 16) - 1  # bytes of lists whose ends take two bytes; else four
_SHORT_ENDS, _LONG_ENDS = struct.Struct("<HH"), struct.Struct("<II")  # of two lists

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
    """What `Found.posted` stands for, ascending."""
    return accumulate(_decode_gaps(posted)) if posted else ()


class Found(NamedTuple):
    """What a page has of one token."""

    posted: bytes  # for `offsets`; the longer the more there are
    edited: Sequence[int]  # seqs of messages that edits in the segment gave a text with it


NOTHING = Found(b"", ())


def look_up(data: bytes, token: bytes) -> Found:
    """In a page that `encoded` made."""
    if token not in data:  # mostly so, and this is much quicker than what follows
        return NOTHING
    table_at, lists_at, edits_at = _HEAD.unpack_from(data)
    edited: Sequence[int] = ()
    if data.find(token, edits_at) >= 0:
        edited = _decode_edits(data[edits_at:]).get(token.decode(), ())
    found = data.find(b"\n%b\n" % token, _HEAD.size, table_at)
    if found < 0:
        return Found(b"", edited)
    place = data.count(b"\n", _HEAD.size, found)
    ends = _SHORT_ENDS if edits_at - lists_at <= SHORT else _LONG_ENDS
    if place:
        start, end = ends.unpack_from(data, table_at + (place - 1) * (ends.size // 2))
    else:  # where there is one end only, its list has the bytes of another
        start, (end, _) = 0, ends.unpack_from(data, table_at)
    return Found(data[lists_at + start : lists_at + end], edited)
