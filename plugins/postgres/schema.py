"""The tables, and the steps that made them what they are.

All keys are `bytea`, holding UTF-8: a PostgreSQL text can't hold NUL, and bytes are compared in the
order of code points whatever the database's collation. `body` is the event's wire form as JSON;
what the other columns hold is only there for the indexes. Only a posted message has `client_id`
(and `author`, `mentions`), only a change of one has `message`, only a member event has `member`, only
a room's description has `room_kind`: the partial indexes rely on that, and a posted message, by
far the most frequent event, is in just two of them.

A step that has been released is never changed; a new one is added behind it.
"""

import logging
import zlib
from typing import Any, NamedTuple

from chatserver import StartupError


class Step(NamedTuple):
    """A migration to the next version."""

    title: str
    statements: str


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
        # Most have 2 to 4 KB, which would go to another table, compressed: that is slower to read, and they
        # hardly shrink. Those that are there stay as they are.
        """
        ALTER TABLE index_pages ALTER COLUMN data SET STORAGE EXTERNAL;
        ALTER TABLE index_pages SET (toast_tuple_target = 8160);
        """,
    ),
    Step(
        "drop the search index, to make one of fewer pages",
        # Under other names: a server of the version before, if there is one yet, must not write into it.
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
        # Which is how a body begins: {"ev":"message.edited" and so on.
        """
        CREATE INDEX events_change_kinds ON events (room, message, substring(body, 1, 22), seq)
            WHERE message IS NOT NULL;
        DROP INDEX events_changes;
        """,
    ),
)

logger = logging.getLogger("chatserver.postgres")

# The first halves of advisory locks; the second is the schema's.
MIGRATING, APPENDING = 0x63686D67, 0x63686170


def lock_number(schema: str) -> int:
    """The second half of an advisory lock's key: signed, 32 bits."""
    return zlib.crc32(schema.encode()) - (1 << 31)


def check(done: int, schema: str) -> None:
    """Raises `StartupError` if that version is newer than this server."""
    if done > len(MIGRATIONS):
        raise StartupError(
            f"plugin.postgres: the schema {schema} has version {done}, and this server knows "
            f"none above {len(MIGRATIONS)}: a newer server has used it; start that one"
        )


async def plan(connection: Any, schema: str) -> list[str]:
    """The steps that the schema lacks. Raises `StartupError` if the data is of a newer version."""
    done = await version(connection, schema)
    check(done, schema)
    return planned(done)


def planned(done: int) -> list[str]:
    """The steps that a schema of this version lacks."""
    steps = list(enumerate(MIGRATIONS, 1))[done:]
    return [f"postgres: version {number}: {step.title}" for number, step in steps]


async def migrate(connection: Any, schema: str) -> None:
    """Bring the schema to the newest version, one transaction a step; the first step makes it.

    Where several servers start at once, one migrates and the others wait. Raises `StartupError` if the
    data has a newer version, and leaves it unchanged.
    """
    while await _step(connection, schema):
        pass


async def _step(connection: Any, schema: str) -> bool:
    """Take one step, if there is one to take."""
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
    # Asked first: even with IF NOT EXISTS it takes the right to make schemas.
    if await connection.fetchval("SELECT to_regnamespace($1)", f'"{schema}"') is None:
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    await connection.execute("CREATE TABLE installation (version integer NOT NULL)")
    await connection.execute("INSERT INTO installation VALUES (0)")
