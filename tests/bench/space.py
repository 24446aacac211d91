"""The space that a store takes on the disk, and the commands by which an operator compacts it."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import asyncpg
import pymongo

IN_USE = """
SELECT sum(pg_total_relation_size(oid)) FROM pg_class
WHERE relnamespace = $1::regnamespace AND relkind = 'r'
"""


def taken(settings: Mapping[str, object], data: Path) -> int:
    """Bytes in use by tables and indexes. `settings` are those of the server, `data` its folder; called beside it."""
    if uri := settings.get("plugin.mongo.uri"):
        with pymongo.MongoClient[dict[str, object]](str(uri)) as client:
            client.admin.command("fsync")
            found = client[str(settings["plugin.mongo.database"])].command("dbStats")
            return int(found["storageSize"] + found["indexSize"])
    if uri := settings.get("plugin.postgres.uri"):
        return asyncio.run(_postgres(str(uri), str(settings["plugin.postgres.schema"])))
    with closing(sqlite3.connect(_file(data))) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def compact(settings: Mapping[str, object], data: Path) -> None:
    """VACUUM, VACUUM FULL, or `compact` of each collection; the server is stopped."""
    if uri := settings.get("plugin.mongo.uri"):
        with pymongo.MongoClient[dict[str, object]](str(uri)) as client:
            # As five minutes later: until then it keeps what was deleted for those who read the past.
            client.admin.command({"setParameter": 1, "minSnapshotHistoryWindowInSeconds": 0})
            database = client[str(settings["plugin.mongo.database"])]
            for _ in range(2):
                database.last_write.insert_one({})
                client.admin.command("fsync")
                for name in database.list_collection_names():
                    database.command({"compact": name, "force": True})
    elif uri := settings.get("plugin.postgres.uri"):
        asyncio.run(_vacuum(str(uri)))
    else:
        with closing(sqlite3.connect(_file(data))) as connection:
            connection.execute("VACUUM")


def _file(data: Path) -> Path:
    (file,) = data.rglob("*.db")
    return file


async def _postgres(uri: str, schema: str) -> int:
    connection = await asyncpg.connect(uri)
    try:
        return int(await connection.fetchval(IN_USE, schema))
    finally:
        await connection.close()


async def _vacuum(uri: str) -> None:
    connection = await asyncpg.connect(uri)
    try:
        await connection.execute("VACUUM FULL")
    finally:
        await connection.close()
