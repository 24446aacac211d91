"""The format of index pages: a page holds the postings of some tokens of a segment.

One token's postings are found without decoding the others. A page has one block of bytes for each part of
the segment, in order. A block has a head; the tokens, ascending, with a line feed around each; the table
with the end of each token's list; the lists, which are offsets of messages stored as gaps; and, by token
(also with line feeds around it), the seqs of messages to which an edit gave the token. Lists are MessagePack.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

# Byte offsets in the block: the table of ends, the lists, the edits, and the end of the block.
_HEAD = struct.Struct("<IIII")
SHORT = (1 << 16) - 1  # up to this many bytes of lists, an end takes two bytes; else four
_SHORT_ENDS, _LONG_ENDS = struct.Struct("<HH"), struct.Struct("<II")  # the ends of two lists

_encode = msgspec.msgpack.Encoder().encode
_decode_gaps = msgspec.msgpack.Decoder(list[int]).decode
_decode_edits = msgspec.msgpack.Decoder(dict[str, list[int]]).decode


def encoded(posted: Mapping[str, "array[int]"], edited: Mapping[str, Sequence[int]]) -> bytes:
    """One part's block of a page. `posted` maps tokens, which have no line feeds, to ascending offsets."""
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
    """Each offset's distance from the one before, which mostly takes one byte."""
    if len(offsets) == 1:  # the usual case
        return offsets.tolist()
    return [offsets[0], *(b - a for a, b in pairwise(offsets))]


def offsets(posted: bytes) -> Iterable[int]:
    """Decode `Postings.posted` to ascending offsets."""
    return accumulate(_decode_gaps(posted)) if posted else ()


class Postings(NamedTuple):
    """One token's postings in one part of a segment."""

    posted: bytes  # decoded by `offsets`; its length grows with the number of offsets
    edited: Sequence[int]  # seqs of messages to which an edit in the part gave the token


def marked(token: str) -> bytes:
    """The token as it stands in a page, for `look_up`."""
    return f"\n{token}\n".encode()


def look_up(data: bytes, mark: bytes) -> Sequence[Postings]:
    """A token's postings in each part that has the token; `data` is a page of blocks made by `encoded`."""
    found: list[Postings] = []
    at = data.find(mark)  # mostly -1
    start = 0
    while at >= 0:
        table, lists, edits, size = _HEAD.unpack_from(data, start)
        end = start + size
        if at < end:
            posted = b""
            if at < start + table:  # a match elsewhere is not a posted token, and may be chance
                place = data.count(b"\n", start + _HEAD.size, at)
                ends = _SHORT_ENDS if edits - lists <= SHORT else _LONG_ENDS
                posted = _list(data, start + table, start + lists, place, ends)
            edited = _edited(data[start + edits : end], mark) if edits < size else ()
            if posted or edited:
                found.append(Postings(posted, edited))
            at = data.find(mark, end)
        start = end
    return found


def _list(data: bytes, table_at: int, lists_at: int, place: int, ends: struct.Struct) -> bytes:
    """The encoded list with the number `place`, counted from 0."""
    if place:
        first, last = ends.unpack_from(data, table_at + (place - 1) * (ends.size // 2))
    else:  # unpacks two ends; if there is only one, the second comes from the bytes of its list
        first, (last, _) = 0, ends.unpack_from(data, table_at)
    return data[lists_at + first : lists_at + last]


def _edited(edits: bytes, mark: bytes) -> Sequence[int]:
    return _decode_edits(edits).get(mark.decode(), ()) if mark in edits else ()
