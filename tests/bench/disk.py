"""The disk space of the search index, asked of the database itself."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import asyncpg
from pymongo import MongoClient

from chatserver_plugins.mongo import index

SQLITE_TABLE, POSTGRES_TABLE = "index_pages", "search_index_pages"


async def taken(store: str, settings: Mapping[str, str], folder: Path) -> int:
    """Bytes, with the table's own indexes; 0 for a store that keeps nothing on disk."""
    if store == "sqlite":
        return _sqlite(folder)
    if store == "postgres":
        return await _postgres(settings["plugin.postgres.uri"], settings["plugin.postgres.schema"])
    if store == "mongo":
        return _mongo(settings["plugin.mongo.uri"], settings["plugin.mongo.database"])
    return 0


def _sqlite(folder: Path) -> int:
    (path,) = (folder / "data").rglob("*.db")
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_schema WHERE tbl_name = ?", (SQLITE_TABLE,)
        )
        sizes = (
            connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = ?", name).fetchone()[0]
            for name in names.fetchall()
        )
        return sum(size or 0 for size in sizes)


async def _postgres(uri: str, schema: str) -> int:
    connection = await asyncpg.connect(uri)
    try:
        size: int = await connection.fetchval(
            "SELECT pg_total_relation_size($1::regclass)", f'"{schema}".{POSTGRES_TABLE}'
        )
        return size
    finally:
        await connection.close()


def _mongo(uri: str, database: str) -> int:
    with MongoClient(uri) as client:
        client.admin.command("fsync")  # what is not on disk yet has no size there
        return int(client[database].command("collStats", index.PAGES)["totalSize"])
