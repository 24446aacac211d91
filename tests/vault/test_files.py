"""No file of a database has anything of what was written, at any time; and what would be there without the vault is found."""

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pymongo
import pytest

from chatserver import (
    AnyEvent,
    Ban,
    IndexPage,
    MemberLeft,
    MessageEdited,
    PluginEvent,
    Store,
    UserRef,
)
from chatserver.testing.samples import described, event, posted
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from chatserver_plugins.vault.keyring import SPACE
from tests.servers import PATIENT_MS, Mongod, Postgres
from tests.vault.sealing import Hand, caretaker, opened, sealed

ALL = 200


class Database:
    """A database of which a store is made, the folder of its files, and what writes all of it there."""

    def __init__(
        self, make: Callable[[], Store], folder: Path, flush: Callable[[], Awaitable[Any]]
    ) -> None:
        self.make, self.folder, self.flush = make, folder, flush


@pytest.fixture(params=["sqlite", "postgres", pytest.param("mongo", marks=pytest.mark.long)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    name = f"test_{secrets.token_hex(8)}"
    plugin: Any
    if request.param == "sqlite":
        plugin = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path / "sqlite")

        async def nothing() -> None:
            """Everything is in the files already."""

        yield Database(plugin.provide_store, tmp_path / "sqlite", nothing)
    elif request.param == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        config = PostgresPlugin.Config(uri=postgres.uri, schema=name, timeout_ms=PATIENT_MS)

        async def checkpoint() -> None:
            connection = await asyncpg.connect(postgres.uri)
            await connection.execute("CHECKPOINT")
            await connection.close()

        yield Database(PostgresPlugin(config).provide_store, postgres.folder / "db", checkpoint)
    else:
        mongod: Mongod = request.getfixturevalue("replica_set")
        of_mongo = MongoPlugin.Config(uri=mongod.uri, database=name, timeout_ms=PATIENT_MS)

        async def fsync() -> None:
            with pymongo.MongoClient(mongod.uri) as client:
                client.admin.command("fsync")

        plugin = MongoPlugin(of_mongo, tmp_path)
        yield Database(plugin.provide_store, mongod.folder / "db", fsync)


def markers() -> list[str]:
    """Words that nothing else has, whose letters no packing of the database repeats from elsewhere."""
    return [secrets.token_hex(12) for _ in range(ALL)]


def log(words: list[str]) -> list[AnyEvent]:
    """Events of every kind with contents, each with words of its own."""
    left = iter(words)
    events: list[AnyEvent] = [
        described("r", 1, name=next(left), topic=next(left), description=next(left)),
        event(MemberLeft, "r", 2, user=UserRef("u2", "Ben"), ban=Ban(reason=next(left))),
        event(PluginEvent, "r", 3, type="poll.closed", payload={next(left): next(left)}),
        posted(
            "r", 4, body=next(left), data={"poll": {next(left): [next(left)]}}, data_text=next(left)
        ),
        event(MessageEdited, "r", 5, message="r-4", body=next(left), data={"poll": next(left)}),
    ]
    events += [posted("r", seq, body=word) for seq, word in enumerate(left, 6)]
    return events


async def fill(store: Store, words: list[str]) -> None:
    events, records = words[: ALL // 2], words[ALL // 2 :]
    await store.append(log(events))
    await store.redact("r", [4, 9])
    for number, word in enumerate(records):
        space = ("plugin/drafts", "user", "preferences")[number % 3]
        await store.put(space, f"{number}", word.encode())
        if number % 4 == 0:
            await store.swap(space, f"{number}", word.encode(), word.encode() * 2)
        if number % 5 == 0:
            await store.delete(space, f"{number}")
    pages = [IndexPage("r", slot, 0, word.encode() * 20) for slot, word in enumerate(events, 1)]
    await store.index("r", 90, pages)


def found(folder: Path, words: list[str]) -> set[str]:
    """Those of the words that some file has."""
    pattern = re.compile("|".join(words).encode())
    seen: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            seen |= {each.decode() for each in pattern.findall(path.read_bytes())}
    return seen


@asynccontextmanager
async def in_clear(store: Store) -> AsyncIterator[Store]:
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def test_no_file_of_the_database_has_any_of_it(database: Database) -> None:
    words = markers()
    async with opened(sealed(database.make())) as store:
        await fill(store, words)
        assert found(database.folder, words) == set(), "as it is written"
        await database.flush()
        assert found(database.folder, words) == set(), "after that"
    assert found(database.folder, words) == set(), "once it is closed"


async def test_nothing_of_before_the_vault_and_of_destroyed_keys_is_left_in_sqlite(
    tmp_path: Path,
) -> None:
    plugin = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path)
    words, hand = markers(), Hand()
    async with in_clear(plugin.provide_store()) as inner:
        await fill(inner, words)
        assert found(tmp_path, words)
    async with opened(sealed(plugin.provide_store(), clock=hand)) as store:
        care = caretaker(store, hand)
        assert await care.seal(600)
        assert found(tmp_path, words) == set()
        stored = [value for _, value in await store.inner.scan(SPACE, "")]
        keys = [
            each for value in stored for each in re.findall('"wrapped":"([^"]+)', value.decode())
        ]
        quoted = [re.escape(each) for each in keys]
        assert len(keys) > 5 and found(tmp_path, quoted) == set(keys)
        await care.rotate_master()
        assert found(tmp_path, quoted) == set()


async def test_without_the_vault_it_would_be_found(database: Database) -> None:
    """So the search finds what is there."""
    words = markers()
    async with in_clear(database.make()) as store:
        await fill(store, words)
        await database.flush()
        assert len(found(database.folder, words)) > ALL * 0.6
