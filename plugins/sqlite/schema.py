"""The tables, and the migrations from version to version.

`PRAGMA user_version` is a file's version. Each step is one transaction, so an interrupted one leaves the
version before it.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from chatserver import PendingStep, StartupError

APPLICATION_ID = 0x63686174  # in the file's header; other programs' files are refused

logger = logging.getLogger("chatserver.sqlite")


class Step(NamedTuple):
    """A migration to the next version.

    `rate` is the number of events that it handles in a second, 0 if it does not read them.
    """

    title: str
    statements: tuple[str, ...]
    rate: int = 0


# Events in a second, measured with 400,000 events on two shared cores with an SSD, the data in memory; a store that is
# larger than the memory takes longer.
INDEXED_KINDS, INDEXED_REPLACED = 3_500_000, 1_900_000

# Version n is the result of the first n steps. A released step is never changed.
#
# `events` is in the order of writing, where places of removed events are new rows; `event` is the JSON text as clients get it. The other columns exist for
# the indexes, and are null for other events: `author`, `client_id` and `mentions` belong to posted messages,
# `message` to changes of one and to replies in its thread, `member` to member events, `kind` to descriptions of rooms, and `listed` (the
# room's name) to those of public rooms.
#
# Rooms are numbered: with numbers instead of names, the index over all events has a third of the size, and a
# batch of many rooms writes fewer of its pages.
MIGRATIONS: tuple[Step, ...] = (
    Step(
        "make the tables of rooms, events and records",
        (
            f"PRAGMA application_id = {APPLICATION_ID}",
            "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
            """CREATE TABLE events (
                room INTEGER NOT NULL,
                seq INTEGER NOT NULL,
                author TEXT,
                client_id TEXT,
                mentions BLOB,
                message TEXT,
                member TEXT,
                kind TEXT,
                listed TEXT,
                event TEXT NOT NULL
            ) STRICT""",
            "CREATE UNIQUE INDEX positions ON events (room, seq)",
            """CREATE UNIQUE INDEX client_ids ON events (author, client_id)
                WHERE client_id IS NOT NULL""",
            "CREATE INDEX changes ON events (room, message) WHERE message IS NOT NULL",
            "CREATE INDEX members ON events (room, member, seq) WHERE member IS NOT NULL",
            "CREATE INDEX memberships ON events (member, room, seq) WHERE member IS NOT NULL",
            "CREATE INDEX descriptions ON events (room, seq) WHERE kind IS NOT NULL",
            "CREATE INDEX listed ON events (listed, room) WHERE listed IS NOT NULL",
            """CREATE TABLE records (
                space TEXT NOT NULL,
                key TEXT NOT NULL,
                value BLOB NOT NULL,
                PRIMARY KEY (space, key)
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Step(
        "make the tables of a search index",
        (
            "CREATE TABLE indexed (room INTEGER PRIMARY KEY, upto INTEGER NOT NULL) STRICT",
            """CREATE TABLE index_pages (
                room INTEGER NOT NULL,
                slot INTEGER NOT NULL,
                first INTEGER NOT NULL,
                data BLOB NOT NULL
            ) STRICT""",
            "CREATE UNIQUE INDEX slots ON index_pages (room, slot, first)",
        ),
    ),
    Step(
        "drop the search index, to make one of fewer pages",
        ("DELETE FROM indexed", "DELETE FROM index_pages"),
    ),
    Step(
        "index changes of messages by their kind",
        # The kind is in the beginning of an event: {"ev":"message.edited" and so on.
        (
            """CREATE INDEX change_kinds ON events (room, message, substr(event, 1, 22), seq)
                WHERE message IS NOT NULL""",
            "DROP INDEX changes",
        ),
        INDEXED_KINDS,
    ),
    Step(
        "index edits and deletions by the message that they change",
        # A message's id ends with its seq. Computed in bytes, as the length of a text ends at a zero
        # character.
        (
            """CREATE INDEX replaced ON events (room, CAST(substr(
                    CAST(message AS BLOB), length(CAST(rtrim(message, '0123456789') AS BLOB)) + 1
                ) AS INTEGER))
                WHERE message IS NOT NULL
                AND substr(event, 1, 22) IN ('{"ev":"message.deleted', '{"ev":"message.edited"')""",
            """CREATE INDEX edits ON events (room, seq)
                WHERE message IS NOT NULL AND substr(event, 1, 22) = '{"ev":"message.edited"'""",
        ),
        INDEXED_REPLACED,
    ),
)


def check(connection: sqlite3.Connection) -> None:
    """Raises `StartupError` if the file belongs to another program or a newer server."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise StartupError("this is the database of another program")
    if (version := version_of(connection)) > len(MIGRATIONS):
        raise StartupError(
            f"the data has version {version}, and this server knows versions up to "
            f"{len(MIGRATIONS)}: start the newer server that has used it"
        )


def plan(version: int) -> list[str]:
    """Titles of the steps that a file of this version lacks."""
    return [step.title for step in pending(version, 0)]


def pending(version: int, events: int) -> list[PendingStep]:
    """The steps that a file of this version lacks, with the time they take for this number of events."""
    steps = list(enumerate(MIGRATIONS, 1))[version:]
    return [
        PendingStep(
            f"sqlite: version {number}: {step.title}",
            events if step.rate else 0,
            events / step.rate if step.rate else 0.0,
        )
        for number, step in steps
    ]


def migrate(connection: sqlite3.Connection) -> None:
    """Apply missing steps, each in one transaction."""
    while (version := version_of(connection)) < len(MIGRATIONS):
        with _transaction(connection):
            if version_of(connection) == version:  # no other process was faster
                logger.info("migrating: %s", plan(version)[0])
                for statement in MIGRATIONS[version].statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all changes of the block, or none after an error. No other process can write meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection) -> int:
    """Number of migrations applied."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def vacuum(connection: sqlite3.Connection) -> None:
    """Write the whole file anew, without what is left of rows that were removed or moved."""
    connection.execute("VACUUM")


def touch(connection: sqlite3.Connection) -> None:
    """Write the first page of the file to the disk, unchanged."""
    connection.execute(f"PRAGMA user_version = {version_of(connection)}")
