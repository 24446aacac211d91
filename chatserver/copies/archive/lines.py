"""The JSON lines that copies of an installation consist of: archives, backups, increments.

Each line is an object whose `ev` names its kind: an event as clients get it, or one of these.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from chatserver.copies.archive.errors import Corrupted
from chatserver.model import AnyEvent

SEQ_DIGITS = 20  # at most, in the seq of an event
VERSION = 2  # of archives, with files since 2; backups have their own version in the manifest


class Record(msgspec.Struct, frozen=True, tag_field="ev", tag="record", omit_defaults=True):
    """A record of the store; `value` is None if the record was deleted."""

    space: str
    key: str
    value: bytes | None = None


class RoomEnd(msgspec.Struct, frozen=True, tag_field="ev", tag="room"):
    """The log of a room up to `seq`, and the SHA-256 over the lines of its events."""

    room: str
    seq: int
    sha256: str


class SpaceEnd(msgspec.Struct, frozen=True, tag_field="ev", tag="space"):
    """The number of records of a space, and the sum of the SHA-256 of their lines, modulo 2^256."""

    space: str
    records: int
    sha256: str


class FileStart(msgspec.Struct, frozen=True, tag_field="ev", tag="file", omit_defaults=True):
    """Begins the content of a blob, or says that it is the `same` as that of an earlier one."""

    blob: str
    name: str
    size: int
    sha256: str
    same: str = ""


class FileData(msgspec.Struct, frozen=True, tag_field="ev", tag="data"):
    """Some bytes of the content of the file before, in base64."""

    data: bytes


class FileEnd(msgspec.Struct, frozen=True, tag_field="ev", tag="file.end", omit_defaults=True):
    """Ends the content of a file. `lost` says why there is none: the lines of data before, if any, are void.

    `rooms` then has the names of rooms that need it.
    """

    blob: str
    lost: str = ""
    rooms: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True, tag_field="ev", tag="held", omit_defaults=True):
    """A file that a backup needs; `lost` says why its content is not in the vault beside the backup.

    `written` is the number of bytes that this backup added to the vault for it.
    """

    blob: str
    sha256: str
    written: int = 0
    lost: str = ""


class Header(msgspec.Struct, frozen=True, tag_field="ev", tag="archive"):
    """Begins an archive. An interrupted import can go on only with the same `id`."""

    version: int
    id: str
    at: str
    server: str
    epoch: str  # of the source, in which seqs are valid; an import gets a new one


class End(msgspec.Struct, frozen=True, tag_field="ev", tag="end"):
    """Ends an archive: its counts, and the SHA-256 over all lines before.

    `files` is the number of files with their content, `lost` that of files without it.
    """

    rooms: int
    events: int
    records: int
    sha256: str
    files: int = 0
    lost: int = 0


class Until(msgspec.Struct, frozen=True, tag_field="ev", tag="until"):
    """All events that were durable at this time are on earlier lines; with `records`, all records too."""

    at: str
    records: bool


class Follows(msgspec.Struct, frozen=True, tag_field="ev", tag="follows"):
    """The increment files before this one, with the number of frames of each."""

    frames: dict[str, int]


class Closed(msgspec.Struct, frozen=True, tag_field="ev", tag="closed"):
    """Ends increments that were closed in order: no frame follows."""


def is_marker(record: Record) -> bool:
    """Whether the record can be a read marker: its value is a number, or it was deleted."""
    value = record.value
    return value is None or (value.isdigit() and len(value) <= SEQ_DIGITS)


FileLine: TypeAlias = FileStart | FileData | FileEnd
Line: TypeAlias = (
    AnyEvent
    | Record
    | RoomEnd
    | SpaceEnd
    | FileLine
    | Held
    | Header
    | End
    | Until
    | Follows
    | Closed
)

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
        raise Corrupted("the last line is truncated")


def decode_lines(text: bytes) -> list[Line]:
    """Whole lines. Raises `Corrupted`."""
    try:
        return _decoder.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupted(f"a line is invalid: {error}") from None
