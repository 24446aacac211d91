"""A further step of each store's schema, and a process that stops in the middle of it.

    python -m tests.stores.migrating STORE SETTINGS FOLDER

opens the store, says `middle` where half of the step is done, and waits to be killed.
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import msgspec
import pymongo

from chatserver import Store
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.mongo import schema as mongo
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.postgres import schema as postgres
from chatserver_plugins.sqlite import SqlitePlugin
from chatserver_plugins.sqlite import schema as sqlite
from tests.servers import PATIENT_MS

MADE = {"half", "rest"}
SCHEMAS: dict[str, ModuleType] = {"sqlite": sqlite, "postgres": postgres, "mongo": mongo}
# A database that runs a statement does not notice that whoever asked is dead.
POSTGRES_SECONDS = 4
FOREVER_SECONDS = 600


class Statements:
    """The two statements of SQLite's step; it may stop between them."""

    def __init__(self, stop: bool) -> None:
        self._stop = stop

    def __iter__(self) -> Iterator[str]:
        yield "CREATE TABLE half (a TEXT) STRICT"
        if self._stop:
            print("middle", flush=True)
            time.sleep(FOREVER_SECONDS)
        yield "CREATE TABLE rest (a TEXT) STRICT"


def with_one_more(kind: str, stop: bool = False) -> tuple[Any, ...]:
    """The steps of a store's schema and one more, which stops half-way if asked to."""

    async def apply(database: Any) -> None:
        await database.run(database.collection("half").update_one({}, {"$set": {}}, upsert=True))
        if stop:
            print("middle", flush=True)
            await asyncio.sleep(FOREVER_SECONDS)
        await database.run(database.collection("rest").update_one({}, {"$set": {}}, upsert=True))

    sleep = f"SELECT pg_sleep({POSTGRES_SECONDS});" * stop
    what: Any = {
        "sqlite": Statements(stop),
        "postgres": f"CREATE TABLE half (); {sleep} CREATE TABLE rest ()",
        "mongo": apply,
    }[kind]
    module = SCHEMAS[kind]
    return (*module.MIGRATIONS, module.Step("make both halves", what))


def store(kind: str, settings: dict[str, Any], folder: Path) -> Store:
    settings = {"timeout_ms": PATIENT_MS} | settings
    if kind == "sqlite":
        return SqlitePlugin(SqlitePlugin.Config(**settings), folder).provide_store()
    if kind == "postgres":
        return PostgresPlugin(PostgresPlugin.Config(**settings)).provide_store()
    return MongoPlugin(MongoPlugin.Config(**settings), folder).provide_store()


async def made(kind: str, settings: dict[str, Any], folder: Path) -> set[str]:
    """The halves of the step that are there."""
    if kind == "sqlite":
        with closing(sqlite3.connect(folder / "chat.db")) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")} & MADE
    if kind == "postgres":
        connection = await asyncpg.connect(settings["uri"])
        query = "SELECT tablename FROM pg_tables WHERE schemaname = $1"
        tables = await connection.fetch(query, settings["schema"])
        await connection.close()
        return {table["tablename"] for table in tables} & MADE
    with pymongo.MongoClient[dict[str, Any]](settings["uri"]) as client:
        return set(client[settings["database"]].list_collection_names()) & MADE


async def say_when_it_sleeps(uri: str) -> None:
    connection = await asyncpg.connect(uri)
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while not await connection.fetchval(query):
        await asyncio.sleep(0.01)
    print("middle", flush=True)
    await connection.close()


async def main(kind: str, settings: dict[str, Any], folder: Path) -> None:
    SCHEMAS[kind].MIGRATIONS = with_one_more(kind, stop=True)  # type: ignore[attr-defined]
    mongo.LEASE_MS = 1000
    opening = asyncio.ensure_future(store(kind, settings, folder).open())
    if kind == "postgres":
        await say_when_it_sleeps(settings["uri"])
    await opening


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], msgspec.json.decode(sys.argv[2]), Path(sys.argv[3])))
