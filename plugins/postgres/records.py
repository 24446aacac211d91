"""Small values under (space, key), in the table `records`."""

from collections.abc import Mapping, Sequence

from chatserver_plugins.postgres.driver import Database

GET = "SELECT value FROM records WHERE space = $1 AND key = $2"
GET_MANY = "SELECT key, value FROM records WHERE space = $1 AND key = ANY ($2::bytea[])"
PUT = """
INSERT INTO records (space, key, value) VALUES ($1, $2, $3)
ON CONFLICT (space, key) DO UPDATE SET value = excluded.value
"""
# The values in the order of their keys, so that two calls never wait for each other's rows.
PUT_MANY = """
INSERT INTO records (space, key, value)
SELECT $1, key, value FROM unnest($2::bytea[], $3::bytea[]) AS given (key, value)
ON CONFLICT (space, key) DO UPDATE SET value = excluded.value
"""
ADD = """
INSERT INTO records (space, key, value) VALUES ($1, $2, $3)
ON CONFLICT (space, key) DO NOTHING RETURNING true
"""
# Rows are locked in the order of their keys, as above.
SWAP_MANY = """
WITH given AS (
    SELECT records.key, wanted.value FROM records
    JOIN unnest($2::bytea[], $3::bytea[], $4::bytea[]) AS wanted (key, old, value)
        ON records.space = $1 AND records.key = wanted.key AND records.value = wanted.old
    ORDER BY records.key FOR UPDATE OF records
)
UPDATE records SET value = given.value FROM given
WHERE records.space = $1 AND records.key = given.key RETURNING records.key
"""
SWAP = "UPDATE records SET value = $4 WHERE space = $1 AND key = $2 AND value = $3 RETURNING true"
DELETE = "DELETE FROM records WHERE space = $1 AND key = $2 RETURNING true"
DELETE_OLD = "DELETE FROM records WHERE space = $1 AND key = $2 AND value = $3 RETURNING true"
SCAN = """
SELECT key, value FROM records
WHERE space = $1 AND key >= $2 AND key > $3 AND key < $4
ORDER BY key LIMIT $5
"""

# Skips from space to space by the index.
SPACES = """
WITH RECURSIVE found (space) AS (
    (SELECT space FROM records ORDER BY space LIMIT 1)
    UNION ALL
    SELECT following.space
    FROM found
    CROSS JOIN LATERAL (
        SELECT space FROM records WHERE space > found.space ORDER BY space LIMIT 1
    ) AS following
)
SELECT space FROM found
"""


class PostgresRecords:
    """The methods of `chatserver.Store` about records."""

    _database: Database

    async def get(self, space: str, key: str) -> bytes | None:
        found = await self._database.fetch(GET, space.encode(), key.encode())
        return bytes(found[0]["value"]) if found else None

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        if not keys:
            return {}
        wanted = [key.encode() for key in keys]
        found = await self._database.fetch(GET_MANY, space.encode(), wanted)
        return {row["key"].decode(): bytes(row["value"]) for row in found}

    async def put(self, space: str, key: str, value: bytes) -> None:
        await self._database.fetch(PUT, space.encode(), key.encode(), value)

    async def put_many(self, space: str, values: Mapping[str, bytes]) -> None:
        pairs = sorted((key.encode(), value) for key, value in values.items())
        keys, contents = [key for key, _ in pairs], [value for _, value in pairs]
        await self._database.fetch(PUT_MANY, space.encode(), keys, contents)

    async def add(self, space: str, key: str, value: bytes) -> bool:
        return bool(await self._database.fetch(ADD, space.encode(), key.encode(), value))

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        return bool(await self._database.fetch(SWAP, space.encode(), key.encode(), old, new))

    async def swap_many(self, space: str, changes: Mapping[str, tuple[bytes, bytes]]) -> set[str]:
        keys = [key.encode() for key in changes]
        olds, news = [old for old, _ in changes.values()], [new for _, new in changes.values()]
        found = await self._database.fetch(SWAP_MANY, space.encode(), keys, olds, news)
        return {row["key"].decode() for row in found}

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        if old is None:
            return bool(await self._database.fetch(DELETE, space.encode(), key.encode()))
        return bool(await self._database.fetch(DELETE_OLD, space.encode(), key.encode(), old))

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        if limit < 1:
            return []
        begin = prefix.encode()
        # No byte of UTF-8 is 0xFF, so the last byte can be increased, and all texts are below b"\xff".
        end = begin[:-1] + bytes((begin[-1] + 1,)) if begin else b"\xff"
        found = await self._database.fetch(SCAN, space.encode(), begin, after.encode(), end, limit)
        return [(row["key"].decode(), bytes(row["value"])) for row in found]

    async def spaces(self) -> list[str]:
        return [row["space"].decode() for row in await self._database.fetch(SPACES)]
