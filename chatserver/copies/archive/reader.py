"""Reads an archive and checks all of it.

It checks every hash and every count; that the events of each room are numbered 1, 2, … up to the end given
in the archive, and that the first describes the room; that no record occurs twice, and that a read marker
is a number; that each file is whole (`filechecks.py`); that only lines allowed in an archive occur; and that nothing follows its end. The error names
the first invalid line.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec

from chatserver.blobs.model import BLOBS
from chatserver.copies.archive.digests import SpaceDigests
from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.archive.filechecks import FileChecks
from chatserver.copies.archive.lines import (
    VERSION,
    End,
    FileData,
    FileEnd,
    FileLine,
    FileStart,
    Header,
    Line,
    Record,
    RoomEnd,
    SpaceEnd,
    decode_lines,
    is_marker,
)
from chatserver.copies.archive.transient import FILES, is_transient
from chatserver.model import AnyEvent, Event, RoomChanged
from chatserver.service.markers import MARKERS

BLOCK_BYTES = 1 << 20
LINE_BYTES = 64 << 20  # a longer line is refused; the largest record's line has a third of this
FILE_LINES = FileStart | FileData | FileEnd
READ_ERRORS = (OSError, EOFError, zlib.error)  # raised by a file that is opened with gzip

Content = AnyEvent | Record | RoomEnd | SpaceEnd | FileLine


class _Beginning(msgspec.Struct):
    """Fields that the first line has in every version of the format."""

    ev: str
    version: int
    server: str = "?"


class Reader:
    """One pass through an archive; `name` is the file's name, for errors. Blocks.

    Iterate once, over lists of the lines between the first and the last, each checked together with those
    before it. Afterwards `end`, `rooms` and `spaces` describe the whole archive. Raises `Corrupted`, and
    `ArchiveError` if the archive is of another version.
    """

    header: Header
    end: End

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.rooms: dict[str, RoomEnd] = {}
        self.spaces: dict[str, SpaceEnd] = {}
        self._name, self._number = name, 0
        self._blocks = _blocks(file)
        self._hash = hashlib.sha256()
        self._room: str | None = None  # the room whose events are being read
        self._seq = self._events = 0
        self._log = hashlib.sha256()
        self._digests = SpaceDigests()
        self._keys: set[int] = set()  # hashes of the keys of records, as there may be millions
        self._files = FileChecks()
        self._ended = False

    @property
    def left_out(self) -> int:
        """Number of files that the archive does not have, though it has their records."""
        return self._files.left_out

    def __iter__(self) -> Iterator[list[Content]]:
        for block in self._read():
            texts = block.split(b"\n")[:-1]
            contents: list[Content] = []
            for text, line in zip(texts, self._decoded(block, texts), strict=True):
                self._number += 1
                self._check(text + b"\n", line)
                if isinstance(line, Event | Record | RoomEnd | SpaceEnd | FILE_LINES):
                    contents.append(line)
            yield contents
        if not self._ended:
            self._number += 1
            raise self._wrong(
                "the archive is truncated" if self._number > 1 else "the file is empty"
            )

    def _read(self) -> Iterator[bytes]:
        """Blocks of whole lines; the first block is the first line."""
        try:
            yield from self._blocks
        except Corrupted as error:
            self._number += 1
            raise self._wrong(str(error)) from None
        except READ_ERRORS as error:
            self._number += 1
            raise self._wrong(f"the file cannot be read: {error}") from error

    def _decoded(self, block: bytes, texts: list[bytes]) -> list[Line]:
        if self._number == 0:
            self._check_version(texts[0])
        try:
            lines = decode_lines(block)
        except Corrupted:
            lines = []
        if len(lines) == len(texts):
            return lines
        for number, text in enumerate(texts, self._number + 1):  # finds the line at fault
            try:
                good = len(decode_lines(text)) == 1
            except Corrupted:
                good = False
            if not good:
                self._number = number
                raise self._wrong("this is not a line of an archive")
        raise self._wrong("these are not lines of an archive")

    def _check_version(self, text: bytes) -> None:
        try:
            begins = msgspec.json.decode(text, type=_Beginning)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            begins = _Beginning("", 0)
        if begins.ev != "archive":
            self._number = 1
            raise self._wrong("this is not an archive of chatserver")
        if begins.version > VERSION:
            raise ArchiveError(
                f"{self._name}: line 1: the archive has version {begins.version}, and this server "
                f"reads versions up to {VERSION}: use chatserver {begins.server}, which wrote it"
            )

    def _check(self, text: bytes, line: Line) -> None:
        if self._ended:
            raise self._wrong("the file continues after the end of the archive")
        if isinstance(line, FILE_LINES):
            self._demand_room(None)
            self._check_file(lambda: self._files.add(line))
        elif self._files.is_open:
            raise self._wrong("a file has no end")
        elif isinstance(line, Event):
            self._add_event(text, line)
        elif isinstance(line, Record):
            self._add_record(text, line)
        elif isinstance(line, RoomEnd):
            self._end_room(line)
        elif isinstance(line, SpaceEnd):
            self._end_space(line)
        elif isinstance(line, End):
            self._end(line)
        elif isinstance(line, Header) and self._number == 1:
            self.header = line
        else:
            raise self._wrong("such a line is not allowed here")
        self._hash.update(text)

    def _add_event(self, text: bytes, event: AnyEvent) -> None:
        if self._room is None:
            if event.room in self.rooms:
                raise self._wrong(f"room {event.room}: its log continues after its end")
            self._room, self._seq, self._log = event.room, 0, hashlib.sha256()
        self._demand_room(event.room)
        self._seq += 1
        if event.seq != self._seq:
            raise self._wrong(f"room {event.room}: event {self._seq} is missing")
        if event.seq == 1 and not isinstance(event, RoomChanged):
            raise self._wrong(f"room {event.room}: its log must begin with the room's description")
        self._log.update(text)
        self._events += 1

    def _end_room(self, end: RoomEnd) -> None:
        self._demand_room(end.room)
        if end != RoomEnd(end.room, self._seq, self._log.hexdigest()):
            raise self._wrong(f"room {end.room}: its log does not match its hash")
        self.rooms[end.room] = end
        self._room = None

    def _add_record(self, text: bytes, record: Record) -> None:
        self._demand_room(None)
        if record.value is None or (
            is_transient(record.space, record.key) and not self._is_old(record)
        ):
            raise self._wrong(f"space {record.space}: such a record is not allowed in an archive")
        if record.space == MARKERS and not is_marker(record):
            raise self._wrong(f"space {MARKERS}: expected the seq of an event")
        known = len(self._keys)
        self._keys.add(hash((record.space, record.key)))
        if len(self._keys) == known:
            raise self._wrong(f"space {record.space}: this record occurs twice")
        self._digests.add_line(record.space, text)
        if record.space == BLOBS:
            self._files.add_record(record.value)

    def _is_old(self, record: Record) -> bool:
        """Whether the record is one that version 1 had, and that an import leaves out."""
        return self.header.version == 1 and record.space in FILES

    def _end_space(self, end: SpaceEnd) -> None:
        self._demand_room(None)
        if end.space in self.spaces or self._digests.end(end.space) != end:
            raise self._wrong(f"space {end.space}: its records do not match their hash")
        self.spaces[end.space] = end

    def _end(self, end: End) -> None:
        self._demand_room(None)
        if self._digests.ends() != self.spaces:
            raise self._wrong("the end line of a space is missing")
        records = sum(space.records for space in self.spaces.values())
        counts = (len(self.rooms), self._events, records)
        if (end.rooms, end.events, end.records) != counts:
            raise self._wrong(
                "the archive has fewer or more rooms, events or records than it states"
            )
        if (end.files, end.lost) != (self._files.files, self._files.lost):
            raise self._wrong("the archive has fewer or more files than it states")
        self._check_file(self._files.demand_end)
        if end.sha256 != self._hash.hexdigest():
            raise self._wrong("the archive was changed: it does not match its hash")
        self.end, self._ended = end, True

    def _check_file(self, check: Callable[[], None]) -> None:
        try:
            check()
        except ValueError as error:
            raise self._wrong(str(error)) from None

    def _demand_room(self, room: str | None) -> None:
        if self._room != room:
            raise self._wrong(f"room {self._room or room}: its log has no end or no beginning")

    def _wrong(self, text: str) -> Corrupted:
        return Corrupted(f"{self._name}: line {self._number}: {text}")


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Blocks of whole lines; the first block is the first line. Raises `Corrupted`, and `READ_ERRORS`."""
    first = file.readline(LINE_BYTES)
    rest = b""
    if first.endswith(b"\n"):
        yield first
    else:
        rest = first
    while piece := file.read(BLOCK_BYTES):
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            yield whole + newline
        if len(rest) > LINE_BYTES:
            raise Corrupted("this is not a line of an archive: it is too long")
    if rest:
        raise Corrupted("the archive is truncated")
