"""All that copies of an installation hold, as JSON lines: of an archive, a backup, its increments.

Each line is an object whose `ev` says what it is: an event as clients get it, or one of these.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from chatserver.archive.errors import Corrupted
from chatserver.model import AnyEvent

SEQ_DIGITS = 20  # at most, of the number of an event
VERSION = 1  # of archives; backups have one of their own in their manifest


class Record(msgspec.Struct, frozen=True, tag_field="ev", tag="record", omit_defaults=True):
    """A value of the store's records; None where the record is gone."""

    space: str
    key: str
    value: bytes | None = None


class RoomEnd(msgspec.Struct, frozen=True, tag_field="ev", tag="room"):
    """The log of a room up to `seq`, and the SHA-256 over its events, each as its line."""

    room: str
    seq: int
    sha256: str


class SpaceEnd(msgspec.Struct, frozen=True, tag_field="ev", tag="space"):
    """How many records a space has, and the sum of the SHA-256 of their lines, modulo 2^256."""

    space: str
    records: int
    sha256: str


class Header(msgspec.Struct, frozen=True, tag_field="ev", tag="archive"):
    """Begins an archive. What was interrupted goes on with the same `id` only."""

    version: int
    id: str
    at: str
    server: str
    epoch: str  # in which the numbers of events mean something; who imports it gets a new one


class End(msgspec.Struct, frozen=True, tag_field="ev", tag="end"):
    """Ends an archive: what was in it, and the SHA-256 over all lines before."""

    rooms: int
    events: int
    records: int
    sha256: str


class Until(msgspec.Struct, frozen=True, tag_field="ev", tag="until"):
    """All events that were durable at this time came before; with `records`, those as well."""

    at: str
    records: bool


class Follows(msgspec.Struct, frozen=True, tag_field="ev", tag="follows"):
    """The files that were there before this one, and how many frames each had."""

    frames: dict[str, int]


class Closed(msgspec.Struct, frozen=True, tag_field="ev", tag="closed"):
    """Nothing was to follow."""


def is_marker(record: Record) -> bool:
    """May it be the read marker that it says it is? It is one if it is gone, too."""
    value = record.value
    return value is None or (value.isdigit() and len(value) <= SEQ_DIGITS)


Line: TypeAlias = AnyEvent | Record | RoomEnd | SpaceEnd | Header | End | Until | Follows | Closed

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def encode(lines: Sequence[Line]) -> bytes:
    return _encoder.encode_lines(lines)


def decode(pieces: Iterable[bytes]) -> Iterable[list[Line]]:
    """The lines of a stream, in lists of bounded size. Raises `Corrupted`."""
    rest = b""
    for piece in pieces:
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            yield decode_lines(whole)
    if rest:
        raise Corrupted("its last line is cut off")


def decode_lines(text: bytes) -> list[Line]:
    """Whole lines. Raises `Corrupted`."""
    try:
        return _decoder.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupted(f"a line in it says nothing: {error}") from None
