"""The tables, and the migrations that made them.

All keys are `bytea` with UTF-8: a PostgreSQL text cannot hold NUL, and bytes are compared in the order of
code points, whatever the database's collation. `body` is the event's wire form as JSON; the other columns
exist only for the indexes. Only a posted message has `client_id` (and `author`, `mentions`), only a change of
one, or a reply in its thread, has `message`, only a member event has `member`, only a room's description has `room_kind`: the partial
indexes rely on that, and a posted message, by far the most frequent event, is in just two of them.

A released step is never changed; new ones are added behind it.
"""

import logging
import zlib
from typing import Any, NamedTuple

from chatserver import PendingStep, StartupError


class Step(NamedTuple):
    """A migration to the next version.

    `rate` is the number of events that it handles in a second, 0 if it does not read them.
    """

    title: str
    statements: str
    rate: int = 0


# Events in a second, measured with 400,000 events on two shared cores with an SSD, the data in memory; a store that is
# larger than the memory takes longer.
INDEXED_KINDS = 2_200_000

MIGRATIONS: tuple[Step, ...] = (
    Step(
        "make the tables of events and records",
        """
        CREATE TABLE events (
            room bytea NOT NULL,
            seq bigint NOT NULL CHECK (seq > 0),
            author bytea,
            client_id bytea,
            mentions bytea[],
            message bytea,
            member bytea,
            room_kind text,
            body bytea NOT NULL,
            PRIMARY KEY (room, seq)
        );
        CREATE UNIQUE INDEX events_sent ON events (author, client_id) WHERE client_id IS NOT NULL;
        CREATE INDEX events_changes ON events (room, message, seq) WHERE message IS NOT NULL;
        CREATE INDEX events_members ON events (room, member, seq DESC) WHERE member IS NOT NULL;
        CREATE INDEX events_memberships ON events (member, room, seq DESC) WHERE member IS NOT NULL;
        CREATE INDEX events_rooms ON events (room, seq) WHERE room_kind IS NOT NULL;
        CREATE INDEX events_public ON events (room) WHERE room_kind = 'public';

        CREATE TABLE records (
            space bytea NOT NULL,
            key bytea NOT NULL,
            value bytea NOT NULL,
            PRIMARY KEY (space, key)
        );
        """,
    ),
    Step(
        "make the tables of a search index",
        """
        CREATE TABLE indexed (room bytea PRIMARY KEY, upto bigint NOT NULL);
        CREATE TABLE index_pages (
            room bytea NOT NULL,
            slot integer NOT NULL,
            first bigint NOT NULL,
            data bytea NOT NULL,
            PRIMARY KEY (room, slot, first)
        );
        """,
    ),
    Step(
        "keep pages of a search index in one piece each",
        # Most pages have 2 to 4 KB. PostgreSQL would compress them into another table, which is slower to
        # read, and they hardly shrink. Existing pages do not change.
        """
        ALTER TABLE index_pages ALTER COLUMN data SET STORAGE EXTERNAL;
        ALTER TABLE index_pages SET (toast_tuple_target = 8160);
        """,
    ),
    Step(
        "drop the search index, to make one of fewer pages",
        # With new names, as a server of the version before, which may still run, must not write into them.
        """
        DROP TABLE indexed, index_pages;
        CREATE TABLE search_index (room bytea PRIMARY KEY, upto bigint NOT NULL);
        CREATE TABLE search_index_pages (
            room bytea NOT NULL,
            slot integer NOT NULL,
            first bigint NOT NULL,
            data bytea NOT NULL,
            PRIMARY KEY (room, slot, first)
        );
        ALTER TABLE search_index_pages ALTER COLUMN data SET STORAGE EXTERNAL;
        ALTER TABLE search_index_pages SET (toast_tuple_target = 8160);
        """,
    ),
    Step(
        "index changes of messages by their kind",
        # The kind is in the beginning of a body: {"ev":"message.edited" and so on.
        """
        CREATE INDEX events_change_kinds ON events (room, message, substring(body, 1, 22), seq)
            WHERE message IS NOT NULL;
        DROP INDEX events_changes;
        """,
        INDEXED_KINDS,
    ),
)

logger = logging.getLogger("chatserver.postgres")

# The first halves of advisory locks' keys; the second is the schema's number.
MIGRATING, APPENDING = 0x63686D67, 0x63686170


def lock_number(schema: str) -> int:
    """The second half of an advisory lock's key for a schema: signed, 32 bits."""
    return zlib.crc32(schema.encode()) - (1 << 31)


def check(done: int, schema: str) -> None:
    """Raises `StartupError` if the schema's version is newer than this server."""
    if done > len(MIGRATIONS):
        raise StartupError(
            f"plugin.postgres: the schema {schema} has version {done}, and this server knows "
            f"versions up to {len(MIGRATIONS)}: start the newer server that has used it"
        )


async def plan(connection: Any, schema: str) -> list[str]:
    """Titles of the steps that the schema lacks. Raises `StartupError` if its version is newer."""
    done = await version(connection, schema)
    check(done, schema)
    return planned(done)


def planned(done: int) -> list[str]:
    """Titles of the steps that a schema of this version lacks."""
    return [step.title for step in pending(done, 0)]


def pending(done: int, events: int) -> list[PendingStep]:
    """The steps that a schema of this version lacks, with the time they take for this number of events."""
    steps = list(enumerate(MIGRATIONS, 1))[done:]
    return [
        PendingStep(
            f"postgres: version {number}: {step.title}",
            events if step.rate else 0,
            events / step.rate if step.rate else 0.0,
        )
        for number, step in steps
    ]


async def migrate(connection: Any, schema: str) -> None:
    """Bring the schema to the newest version, with one transaction for each step; the first step makes it.

    If several servers start at once, one migrates and the others wait. Raises `StartupError` if the data
    has a newer version, and leaves it unchanged.
    """
    while await _step(connection, schema):
        pass


async def _step(connection: Any, schema: str) -> bool:
    """Apply the next step; False if there is none."""
    async with connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock($1, $2)", MIGRATING, lock_number(schema)
        )
        done = await version(connection, schema)
        check(done, schema)
        if done == len(MIGRATIONS):
            return False
        if done == 0:
            await _begin(connection, schema)
        logger.info("migrating: %s", planned(done)[0])
        await connection.execute(MIGRATIONS[done].statements)
        await connection.execute("UPDATE installation SET version = $1", done + 1)
    return True


async def version(connection: Any, schema: str) -> int:
    """Number of migrations applied; 0 for an empty schema."""
    table = await connection.fetchval("SELECT to_regclass($1)", f'"{schema}".installation')
    if table is None:
        return 0
    done: int = await connection.fetchval("SELECT version FROM installation")
    return done


async def _begin(connection: Any, schema: str) -> None:
    # Checked first: even with IF NOT EXISTS, CREATE SCHEMA needs the right to make schemas.
    if await connection.fetchval("SELECT to_regnamespace($1)", f'"{schema}"') is None:
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    await connection.execute("CREATE TABLE installation (version integer NOT NULL)")
    await connection.execute("INSERT INTO installation VALUES (0)")
