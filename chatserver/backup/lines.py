"""What a backup holds, as JSON lines: events as they are, records, and how far each room reaches."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from chatserver.backup.errors import Corrupted
from chatserver.model import AnyEvent


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


class Until(msgspec.Struct, frozen=True, tag_field="ev", tag="until"):
    """All events that were durable at this time came before; with `records`, those as well."""

    at: str
    records: bool


class Follows(msgspec.Struct, frozen=True, tag_field="ev", tag="follows"):
    """The files that were there before this one, and how many frames each had."""

    frames: dict[str, int]


class Closed(msgspec.Struct, frozen=True, tag_field="ev", tag="closed"):
    """Nothing was to follow."""


Line: TypeAlias = AnyEvent | Record | RoomEnd | Until | Follows | Closed

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
            yield _decoded(whole)
    if rest:
        raise Corrupted("its last line is cut off")


def _decoded(text: bytes) -> list[Line]:
    try:
        return _decoder.decode_lines(text)
    except msgspec.MsgspecError as error:
        raise Corrupted(f"a line in it says nothing: {error}") from None
