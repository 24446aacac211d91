"""A page of the index: some tokens of a segment, in bytes in which one is found without reading the others.

It is made of what each part of the segment has, one behind the other: a head; the tokens, ascending, with
a line feed around each; where the list of each ends; these lists, of the offsets of messages, as gaps;
and the messages that edits gave it, by token, also with line feeds around. Lists are MessagePack.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

# Where the ends of lists, the lists, and the edits begin, and where all of it ends.
_HEAD = struct.Struct("<IIII")
SHORT = (1 << 16) - 1  # bytes of lists whose ends take two bytes; else four
_SHORT_ENDS, _LONG_ENDS = struct.Struct("<HH"), struct.Struct("<II")  # of two lists

_encode = msgspec.msgpack.Encoder().encode
_decode_gaps = msgspec.msgpack.Decoder(list[int]).decode
_decode_edits = msgspec.msgpack.Decoder(dict[str, list[int]]).decode


def encoded(posted: Mapping[str, "array[int]"], edited: Mapping[str, Sequence[int]]) -> bytes:
    """What one part has. `posted` has ascending offsets for tokens without line feeds."""
    names = "".join([f"\n{token}" for token in posted]).encode() + b"\n"
    lists = [_encode(_gaps(offsets)) for offsets in posted.values()]
    ends = list(accumulate(map(len, lists)))
    size = ends[-1] if ends else 0
    table = struct.pack(f"<{len(ends)}{'H' if size <= SHORT else 'I'}", *ends)
    table_at = _HEAD.size + len(names)
    lists_at = table_at + len(table)
    edits_at = lists_at + size
    edits = _encode({f"\n{token}\n": seqs for token, seqs in edited.items()}) if edited else b""
    head = _HEAD.pack(table_at, lists_at, edits_at, edits_at + len(edits))
    return b"".join((head, names, table, *lists, edits))


def _gaps(offsets: "array[int]") -> list[int]:
    """Each as its distance from the one before: mostly one byte."""
    if len(offsets) == 1:  # mostly so
        return offsets.tolist()
    return [offsets[0], *(b - a for a, b in pairwise(offsets))]


def offsets(posted: bytes) -> Iterable[int]:
    """What `Found.posted` stands for, ascending."""
    return accumulate(_decode_gaps(posted)) if posted else ()


class Found(NamedTuple):
    """What a part has of one token."""

    posted: bytes  # for `offsets`; the longer the more there are
    edited: Sequence[int]  # seqs of messages that edits in the part gave a text with it


def marked(token: str) -> bytes:
    """As it stands in a page, for `look_up`."""
    return f"\n{token}\n".encode()


def look_up(data: bytes, mark: bytes) -> Sequence[Found]:
    """What the parts have that have something, in a page that is made of what `encoded` gave."""
    found: list[Found] = []
    at = data.find(mark)  # mostly it is nowhere
    start = 0
    while at >= 0:
        table, lists, edits, size = _HEAD.unpack_from(data, start)
        end = start + size
        if at < end:
            posted = b""
            if at < start + table:  # else its bytes are elsewhere, perhaps by chance
                place = data.count(b"\n", start + _HEAD.size, at)
                ends = _SHORT_ENDS if edits - lists <= SHORT else _LONG_ENDS
                posted = _list(data, start + table, start + lists, place, ends)
            edited = _edited(data[start + edits : end], mark) if edits < size else ()
            if posted or edited:
                found.append(Found(posted, edited))
            at = data.find(mark, end)
        start = end
    return found


def _list(data: bytes, table_at: int, lists_at: int, place: int, ends: struct.Struct) -> bytes:
    """The one of this number, from 0 on."""
    if place:
        first, last = ends.unpack_from(data, table_at + (place - 1) * (ends.size // 2))
    else:  # where there is one end only, its list has the bytes of another
        first, (last, _) = 0, ends.unpack_from(data, table_at)
    return data[lists_at + first : lists_at + last]


def _edited(edits: bytes, mark: bytes) -> Sequence[int]:
    return _decode_edits(edits).get(mark.decode(), ()) if mark in edits else ()
