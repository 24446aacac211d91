"""What `chatserver status` and `upgrade-check` tell about the file; reads only."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from chatserver import StoreFacts
from chatserver_plugins.sqlite import schema


def facts(connection: sqlite3.Connection, path: Path) -> StoreFacts:
    """The facts of an open file. Raises `sqlite3.Error`, `StartupError`."""
    schema.check(connection)
    done = schema.version_of(connection)
    rows = {} if done == 0 else {name: _newest(connection, name) for name in ("events", "rooms")}
    pending = schema.pending(done, rows.get("events", 0))
    size = sum(_size(path.with_name(path.name + end)) for end in ("", "-wal"))
    return StoreFacts(
        software=f"SQLite {sqlite3.sqlite_version}",
        schema=done,
        known=len(schema.MIGRATIONS),
        bytes=size,
        rows=rows,
        pending=pending,
        # A step is one transaction: what it changes is in the log and in the file at the same time.
        bytes_needed=size if any(step.rows for step in pending) else 0,
        folder=str(path.parent),
    )


def empty(path: Path) -> StoreFacts:
    """The facts of a file that does not exist yet."""
    pending = schema.pending(0, 0)
    return StoreFacts(
        f"SQLite {sqlite3.sqlite_version}",
        0,
        len(schema.MIGRATIONS),
        pending=pending,
        folder=str(path.parent),
    )


def _newest(connection: sqlite3.Connection, table: str) -> int:
    """The highest row number: an upper bound of the number of rows, found without counting them."""
    (newest,) = connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608
    return newest or 0


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
