"""Small values under (space, key), in the table `records`."""

import sqlite3
from collections.abc import Mapping, Sequence

from chatserver_plugins.sqlite import queries
from chatserver_plugins.sqlite.database import Database

FIRST_SURROGATE, AFTER_SURROGATES = 0xD800, 0xE000

GET = "SELECT value FROM records WHERE space = ? AND key = ?"
PUT = "REPLACE INTO records VALUES (?, ?, ?)"
ADD = "INSERT OR IGNORE INTO records VALUES (?, ?, ?)"
SWAP = "UPDATE records SET value = ? WHERE space = ? AND key = ? AND value = ?"
DELETE = "DELETE FROM records WHERE space = ? AND key = ?"
DELETE_OLD = f"{DELETE} AND value = ?"


def pairs(query: str) -> str:
    """Wrap a query for `key, value` so that it returns all rows as one text in hexadecimal digits."""
    return f"SELECT group_concat(hex(key) || ':' || hex(value)) FROM ({query})"  # noqa: S608


SCAN = pairs("""
    SELECT key, value FROM records
    WHERE space = ? AND key >= ? AND key < ? AND key <> ? ORDER BY key LIMIT ?""")


# Skips from space to space.
SPACES = """
    WITH RECURSIVE found (space) AS (
        SELECT min(space) FROM records
        UNION ALL
        SELECT (SELECT min(space) FROM records WHERE space > found.space)
        FROM found WHERE space IS NOT NULL
    )
    SELECT group_concat(hex(space)) FROM found WHERE space IS NOT NULL"""


def get_many(count: int) -> str:
    """The records of `count` keys of a space."""
    return pairs(f"""
        SELECT key, value FROM records
        WHERE space = ? AND key IN ({queries.places(count)})""")  # noqa: S608


class SqliteRecords:
    """The methods of `chatserver.Store` about records.

    SQLite compares texts by their UTF-8 bytes, which is the order of code points.
    """

    _database: Database

    async def get(self, space: str, key: str) -> bytes | None:
        def run(connection: sqlite3.Connection) -> bytes | None:
            found = connection.execute(GET, (space, key)).fetchone()
            return None if found is None else bytes(found[0])

        return await self._database.read(run)

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in queries.parts(set(keys)):
            found |= await self._pairs(get_many(len(part)), space, *part)
        return found

    async def put(self, space: str, key: str, value: bytes) -> None:
        await self._change(PUT, space, key, value)

    async def put_many(self, space: str, values: Mapping[str, bytes]) -> None:
        rows = [(space, key, value) for key, value in values.items()]

        def run(connection: sqlite3.Connection) -> None:
            connection.executemany(PUT, rows)

        await self._database.write(run)

    async def add(self, space: str, key: str, value: bytes) -> bool:
        return await self._change(ADD, space, key, value)

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        return await self._change(SWAP, new, space, key, old)

    async def swap_many(self, space: str, changes: Mapping[str, tuple[bytes, bytes]]) -> set[str]:
        def run(connection: sqlite3.Connection) -> set[str]:
            return {
                key
                for key, (old, new) in changes.items()
                if connection.execute(SWAP, (new, space, key, old)).rowcount > 0
            }

        return await self._database.write(run)

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        if old is None:
            return await self._change(DELETE, space, key)
        return await self._change(DELETE_OLD, space, key, old)

    async def _change(self, statement: str, *values: str | bytes) -> bool:
        """Run a statement; returns whether it changed anything."""
        return await self._database.write(
            lambda connection: connection.execute(statement, values).rowcount > 0,
            is_statement=True,
        )

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        # Only `after` itself is excluded, which has no effect if it lacks the prefix.
        values = (space, max(after, prefix), _after_prefix(prefix), after, max(limit, 0))
        return await self._pairs(SCAN, *values)

    async def spaces(self) -> list[str]:
        return await self._database.read(
            lambda connection: queries.names(connection.execute(SPACES).fetchone()[0])
        )

    async def _pairs(self, query: str, *values: str | bytes | int) -> list[tuple[str, bytes]]:
        """The keys and values of a query made by `pairs`, in its order."""

        def run(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
            (found,) = connection.execute(query, values).fetchone()
            split = (record.split(":") for record in found.split(",")) if found else ()
            return [(bytes.fromhex(key).decode(), bytes.fromhex(value)) for key, value in split]

        return await self._database.read(run)


def _after_prefix(prefix: str) -> str | bytes:
    """The least value above all texts with this prefix; bytes sort above all texts."""
    shorter = prefix.rstrip("\U0010ffff")
    if not shorter:
        return b""
    following = ord(shorter[-1]) + 1
    return shorter[:-1] + chr(AFTER_SURROGATES if following == FIRST_SURROGATE else following)
