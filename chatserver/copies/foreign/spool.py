"""Keeps all that an export has, out of memory, until it is written in the order of the rooms' logs.

A database of SQLite in a temporary folder, used by one conversion alone.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from chatserver.blobs.model import Blob
from chatserver.model import NO_DATA

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE entries (number INTEGER PRIMARY KEY, room TEXT, at INTEGER, id TEXT, entry BLOB);
CREATE UNIQUE INDEX ids ON entries (room, id) WHERE id IS NOT NULL;
CREATE TABLE named (room TEXT, id TEXT, PRIMARY KEY (room, id)) WITHOUT ROWID;
CREATE TABLE active (room TEXT, person TEXT, PRIMARY KEY (room, person)) WITHOUT ROWID;
CREATE TABLE moves (number INTEGER PRIMARY KEY, room TEXT, at INTEGER, person TEXT, joined INTEGER);
CREATE TABLE files (number INTEGER PRIMARY KEY, pack INTEGER, path TEXT, blob BLOB);
"""


class Post(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A message as it is written. Without a body its text follows in a `Change`, or it is deleted."""

    id: str
    author: str
    body: str
    thread: str | None = None
    broadcast: bool = False
    reply_to: str | None = None
    data: Mapping[str, Any] = NO_DATA
    data_text: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A change of the message `id`: to `edit` (with its body and data), `delete`, `react` (with an emoji), or `pin`."""

    kind: str
    id: str
    by: str
    emoji: str = ""
    body: str = ""
    data: Mapping[str, Any] = NO_DATA
    data_text: str = ""


class Move(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody came into the room, or left it."""

    person: str
    joined: bool


Entry = Post | Change | Move


class SpooledFile(msgspec.Struct, frozen=True):
    """A file of a message: its blob, and where its content is: the number of a pack, and its name there."""

    blob: Blob
    pack: int
    path: str


class Spool:
    """All entries by room. Ids and persons are those of the source, rooms are ours."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / "spool.db", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        self._encode = msgspec.msgpack.encode
        self._decode = msgspec.msgpack.Decoder(Entry).decode
        self._read_blob = msgspec.msgpack.Decoder(Blob).decode

    def close(self) -> None:
        self._database.close()

    def add(self, room: str, at: int, entry: Entry) -> bool:
        """Keep an entry; False for a message whose id the room has already."""
        post = entry.id if isinstance(entry, Post) else None
        done = self._database.execute(
            "INSERT OR IGNORE INTO entries (room, at, id, entry) VALUES (?, ?, ?, ?)",
            (room, at, post, self._encode(entry)),
        )
        if not done.rowcount:
            return False
        if isinstance(entry, Post):
            for named in filter(None, (entry.thread, entry.reply_to)):
                self._name(room, named)
        elif isinstance(entry, Change):
            self._name(room, entry.id)
        else:
            self._database.execute(
                "INSERT INTO moves (room, at, person, joined) VALUES (?, ?, ?, ?)",
                (room, at, entry.person, entry.joined),
            )
        return True

    def note_active(self, room: str, person: str) -> None:
        """Note that somebody did something in a room."""
        self._database.execute("INSERT OR IGNORE INTO active VALUES (?, ?)", (room, person))

    def active(self, room: str) -> list[str]:
        """Those who did something in a room, by id."""
        rows = self._database.execute(
            "SELECT person FROM active WHERE room = ? ORDER BY person", (room,)
        )
        return [person for (person,) in rows]

    def named(self, room: str) -> set[str]:
        """The ids of the room's messages that other entries name."""
        rows = self._database.execute("SELECT id FROM named WHERE room = ?", (room,))
        return {id for (id,) in rows}

    def entries(self, room: str) -> Iterator[tuple[int, Entry]]:
        """The entries of a room with their times, in the order of these, and else in which they came."""
        rows = self._database.execute(
            "SELECT at, entry FROM entries WHERE room = ? ORDER BY at, number", (room,)
        )
        for at, entry in rows:
            yield at, self._decode(entry)

    def moves(self, room: str) -> Iterator[tuple[str, bool]]:
        """Who came into a room (True) or left it, in order."""
        rows = self._database.execute(
            "SELECT person, joined FROM moves WHERE room = ? ORDER BY at, number", (room,)
        )
        for person, joined in rows:
            yield person, bool(joined)

    def span(self) -> tuple[int, int]:
        """The times of the oldest and of the newest entry."""
        rows = self._database.execute("SELECT ifnull(min(at), 0), ifnull(max(at), 0) FROM entries")
        ((oldest, newest),) = rows
        return int(oldest), int(newest)

    def index(self) -> None:
        """Call this after the last `add`."""
        self._database.executescript(
            "CREATE INDEX in_order ON entries (room, at, number);"
            "CREATE INDEX moves_in_order ON moves (room, at, number);"
        )

    def add_file(self, file: SpooledFile) -> None:
        self._database.execute(
            "INSERT INTO files (pack, path, blob) VALUES (?, ?, ?)",
            (file.pack, file.path, self._encode(file.blob)),
        )

    def files(self) -> Iterator[SpooledFile]:
        """All files, in the order in which they came."""
        rows = self._database.execute("SELECT pack, path, blob FROM files ORDER BY number")
        for pack, path, blob in rows:
            yield SpooledFile(self._read_blob(blob), pack, path)

    def _name(self, room: str, id: str) -> None:
        self._database.execute("INSERT OR IGNORE INTO named VALUES (?, ?)", (room, id))


@contextmanager
def spool() -> Iterator[Spool]:
    """A spool, removed at the end of the block."""
    with (
        TemporaryDirectory(prefix="chatserver-import-") as folder,
        closing(Spool(Path(folder))) as made,
    ):
        yield made
