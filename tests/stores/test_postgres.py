"""Behaviour particular to PostgreSQL: query plans, migrations, faults of the server, settings."""

import asyncio
import json
import re
import secrets
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver import (
    Appended,
    Conflict,
    MessageEdited,
    PinAdded,
    RoomRole,
    StartupError,
    Store,
    StoreUnavailable,
)
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.postgres import PostgresPlugin, driver, schema, statements
from tests.servers import PATIENT_MS, Postgres, free_port
from tests.stores.waiting import LIMIT_SECONDS, comes_back

LONGEST_SECONDS = 20.0  # without its limit a call would not end
GROUPS = 10


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Postgres]:
    """A server that the test may harm."""
    server = Postgres(tmp_path / "own")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def config(postgres: Postgres) -> PostgresPlugin.Config:
    schema = f"test_{secrets.token_hex(8)}"
    return PostgresPlugin.Config(uri=postgres.uri, schema=schema, timeout_ms=PATIENT_MS)


@asynccontextmanager
async def opened(config: PostgresPlugin.Config) -> AsyncIterator[Store]:
    store = PostgresPlugin(config).provide_store()
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def connected(config: PostgresPlugin.Config) -> AsyncIterator[Any]:
    connection = await driver.connect(config)
    try:
        yield connection
    finally:
        await connection.close()


# -- how queries are run --------------------------------------------------------------------------


async def rows_read(config: PostgresPlugin.Config, query: str, *values: Any) -> int:
    """Number of rows of the table that a statement reads; no part of it may read the whole table."""
    async with connected(config) as connection:
        # Values are written into an explained statement as they would be bound.
        prepared = f"PREPARE asked AS {query}"
        await connection.execute(prepared)
        given = ", ".join(map(literal, values))
        found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({given})")
    return sum(_read(part) for part in _parts(json.loads(found)[0]["Plan"]))


def literal(value: Any) -> str:
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    return str(value)


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _parts(part)


def _read(part: dict[str, Any]) -> int:
    if part.get("Relation Name") != "events":
        return 0
    assert part["Node Type"] in ("Index Scan", "Index Only Scan"), part["Node Type"]
    rows = part["Actual Rows"] + part.get("Rows Removed by Filter", 0)
    return round(rows * part["Actual Loops"])


async def test_queries_find_their_rows_by_skipping(
    io_loop: Any, config: PostgresPlugin.Config
) -> None:
    rooms = [f"r{n}" for n in range(GROUPS)]
    async with opened(config) as store:
        for room in rooms:
            batch = [described(room, seq) for seq in range(1, 41)]
            members = [joined(room, seq, f"u{seq % 10}", RoomRole.ADMIN) for seq in range(41, 81)]
            await store.append([*batch, *members, *(posted(room, seq) for seq in range(81, 121))])
    encoded = [room.encode() for room in rooms]
    for query, values in (
        (statements.HEADS, [encoded]),
        (statements.ROOMS, [encoded]),
        (statements.MEMBERS, [[b"r1"]]),
        (statements.MEMBERSHIPS, [b"u1"]),
        (statements.MESSAGES, [b"r1", 1000, GROUPS]),
        (statements.READ, [b"r1", 100, GROUPS]),
        (statements.PAGES, [encoded, [1000] * GROUPS, 1]),
        (statements.RANGES, [encoded, [100] * GROUPS, 1]),
        (statements.POSTED, [encoded, [90] * GROUPS]),
        (statements.UNREAD, [b"u2", encoded, [119] * GROUPS, b"@room"]),
        (statements.REPEATS, [[b"u1"] * GROUPS, [f"c-{room}-90".encode() for room in rooms]]),
    ):
        read = await rows_read(config, query, *values)
        assert GROUPS <= read < 2 * GROUPS, query  # of 400; averages are rounded up before 18
    public = await rows_read(config, statements.PUBLIC_ROOMS, b"", 3)
    assert public <= 2 * 4, "of ten rooms"


async def test_only_one_text_of_an_often_edited_message_is_read(
    io_loop: Any, config: PostgresPlugin.Config
) -> None:
    async with opened(config) as store:
        edits = [event(MessageEdited, "r", n, message="m", body="b") for n in range(1, 301)]
        pins = [event(PinAdded, "r", n, message="m") for n in range(301, 401)]
        await store.append([*edits, *pins, *(posted("r", n) for n in range(401, 1001))])
    asked = [[b"r"] * 3, [b"m", b"none", b"r-1"]]
    async with connected(config) as connection:
        await connection.execute("ANALYZE events")
    assert await rows_read(config, statements.CHANGES, *asked) <= 3
    assert await rows_read(config, statements.TEXTS, *asked) <= 3
    assert await rows_read(config, statements.TALLY, b"r", b"none", b"") == 0


# -- several nodes --------------------------------------------------------------------------------


async def test_repeats_that_cross_are_no_deadlock(
    io_loop: Any, config: PostgresPlugin.Config
) -> None:
    """Two nodes are sent the same messages at once, in opposite orders."""
    # PostgreSQL looks for deadlocks then, and ends one of the two.
    uri = f"{config.uri}?deadlock_timeout={PATIENT_MS}ms"
    config = msgspec.structs.replace(config, uri=uri, timeout_ms=PATIENT_MS // 4)
    async with opened(config) as one, opened(config) as two:
        for turn in range(30):
            sent = [f"{turn}-{n}" for n in range(200)]

            def batch(node: str, names: Sequence[str], turn: int = turn) -> list[Any]:
                return [
                    posted(f"{node}-{turn}", seq, client_id=name)
                    for seq, name in enumerate(names, 1)
                ]

            results = await asyncio.gather(
                one.append(batch("a", sent)), two.append(batch("b", sent[::-1]))
            )
            assert sorted(results) == [Appended(0, Conflict.CLIENT_ID), Appended(200)]


# -- migrations -----------------------------------------------------------------------------------


async def test_nodes_that_start_together_make_the_schema_once(
    io_loop: Any, config: PostgresPlugin.Config
) -> None:
    stores = [PostgresPlugin(config).provide_store() for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    try:
        assert await stores[0].append([posted("r", 1)]) == Appended(1)
        assert await stores[-1].heads(["r"]) == {"r": 1}
    finally:
        await asyncio.gather(*(store.close() for store in stores))


@pytest.mark.parametrize("uri", ["host", "host:5432", "mysql://host/chat", "host=/tmp dbname=chat"])
def test_an_invalid_address_is_refused_before_the_start(uri: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="uri: expected postgresql://"):
        msgspec.convert({"uri": uri}, PostgresPlugin.Config)


async def test_a_newer_schema_is_left_alone(io_loop: Any, config: PostgresPlugin.Config) -> None:
    async with opened(config) as store:
        await store.append([posted("r", 1)])
    newer = len(schema.MIGRATIONS) + 1
    async with connected(config) as connection:
        await connection.execute("UPDATE installation SET version = $1", newer)
        with pytest.raises(StartupError, match=f"has version {newer}.* the newer server"):
            async with opened(config):
                pass
        assert await schema.version(connection, config.schema) == newer


async def test_each_step_is_taken_once_and_keeps_the_data(
    io_loop: Any, config: PostgresPlugin.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(config) as store:
        await store.append([posted("r", 1)])
    added = (schema.Step(name, f"CREATE TABLE {name} ()") for name in ("one", "two"))
    steps = (*schema.MIGRATIONS, *added)
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    for _ in range(2):
        async with opened(config) as store, connected(config) as connection:
            assert await store.read("r", 0, 9) == [posted("r", 1)]
            assert await schema.version(connection, config.schema) == len(steps)


async def test_an_interrupted_step_leaves_nothing_behind(
    io_loop: Any, config: PostgresPlugin.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(config):
        pass
    half = schema.Step("", "CREATE TABLE half (); SELECT pg_sleep(30); CREATE TABLE rest ()")
    steps = (*schema.MIGRATIONS, half)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", steps)
        opening = asyncio.ensure_future(PostgresPlugin(config).provide_store().open())
        async with connected(config) as connection:
            while not await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE query LIKE 'CREATE TABLE half%' AND wait_event = 'PgSleep'"
            ):
                await asyncio.sleep(0.01)
        with pytest.raises(StartupError):
            await opening
    async with opened(config), connected(config) as connection:
        assert await schema.version(connection, config.schema) == len(schema.MIGRATIONS)
        assert await connection.fetchval("SELECT to_regclass('half')") is None


# -- faults of the server -------------------------------------------------------------------------


async def test_a_frozen_server_fails_in_time_and_comes_back(io_loop: Any, own: Postgres) -> None:
    async with opened(PostgresPlugin.Config(uri=own.uri, timeout_ms=1000)) as store:
        await store.append([posted("r", 1)])
        own.freeze()
        try:
            calls = [store.append([posted("r", 2, client_id=str(n))]) for n in range(30)]
            started = time.monotonic()
            results = await asyncio.gather(
                *calls, store.ping(), store.heads(["r"]), store.get("s", "k"),
                return_exceptions=True,
            )  # fmt: skip
            assert time.monotonic() - started < LONGEST_SECONDS
            assert all(isinstance(result, StoreUnavailable) for result in results)
        finally:
            own.thaw()
        await comes_back(store)
        assert (await store.heads(["r"]))["r"] in (1, 2)


async def test_a_killed_server_comes_back_with_everything(io_loop: Any, own: Postgres) -> None:
    async with opened(PostgresPlugin.Config(uri=own.uri, timeout_ms=1000)) as store:
        for seq in range(1, 101):
            await store.append([posted("r", seq)])
        await asyncio.to_thread(own.kill)
        with pytest.raises(StoreUnavailable):
            await store.append([posted("r", 101)])
        with pytest.raises(StoreUnavailable):
            await store.ping()
        await asyncio.to_thread(own.start)
        await comes_back(store)
        assert await store.read("r", 0, 200) == [posted("r", seq) for seq in range(1, 101)]


async def test_abandoned_calls_hold_nobody_up(io_loop: Any, config: PostgresPlugin.Config) -> None:
    """Another node stands still with the turn to append, until the server ends its transaction."""
    config = msgspec.structs.replace(config, timeout_ms=1000)
    async with opened(config) as store, connected(config) as other:
        transaction = other.transaction()
        await transaction.start()
        lock = schema.APPENDING, schema.lock_number(config.schema)
        await other.execute("SELECT pg_advisory_xact_lock($1, $2)", *lock)
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.append([posted("r", 1)])
        assert time.monotonic() - started < LONGEST_SECONDS
        await transaction.rollback()
        await comes_back(store)
        repeated = await store.append([posted("r", 1)])
        assert repeated in (Appended(1), Appended(0, Conflict.POSITION))
        assert await store.read("r", 0, 9) == [posted("r", 1)]


async def test_a_database_that_only_reads_is_not_ready(io_loop: Any, own: Postgres) -> None:
    config = PostgresPlugin.Config(uri=own.uri, timeout_ms=1000, start_seconds=0)
    async with opened(config) as store:
        await store.append([posted("r", 1)])
        async with connected(config) as connection:
            await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            await connection.execute("SELECT pg_reload_conf()")
            for call in (lambda: store.append([posted("r", 2)]), store.ping):
                async with asyncio.timeout(LIMIT_SECONDS):
                    while True:  # until it has read its configuration
                        try:
                            await call()
                        except StoreUnavailable:
                            break
            with pytest.raises(StartupError, match="no answer"):
                async with opened(config):
                    pass
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await connection.execute("SELECT pg_reload_conf()")
        await comes_back(store)


SERVER = """
import asyncio, sys
from chatserver.testing.samples import posted
from chatserver_plugins.postgres import PostgresPlugin

async def main():
    store = PostgresPlugin(PostgresPlugin.Config(uri=sys.argv[1])).provide_store()
    await store.open()
    for first in range(1, 1_000_000, 50):
        await store.append([posted("r", seq) for seq in range(first, first + 50)])
        print(first + 49, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("victim", ["node", "database"])
async def test_a_burst_that_is_killed_loses_nothing_acknowledged(
    io_loop: Any, own: Postgres, victim: str
) -> None:
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, own.uri, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert node.stdout is not None
    for _ in range(40):
        assert await node.stdout.readline()
    if victim == "node":
        node.kill()
    else:
        await asyncio.to_thread(own.kill)
    acknowledged = 50 * (40 + len((await node.stdout.read()).split()))
    await node.wait()
    if victim == "database":
        await asyncio.to_thread(own.start)
    async with opened(PostgresPlugin.Config(uri=own.uri)) as store:
        head = (await store.heads(["r"]))["r"]
        assert head in (acknowledged, acknowledged + 50), "a batch stands or falls as a whole"
        assert [event.seq for event in await store.read("r", 0, head)] == [*range(1, head + 1)]


# -- starting -------------------------------------------------------------------------------------


async def test_a_server_that_is_away_at_start_is_named(io_loop: Any) -> None:
    uri = f"postgresql://chat@127.0.0.1:{free_port()}/postgres"
    config = PostgresPlugin.Config(uri=uri, timeout_ms=200, start_seconds=0)
    with pytest.raises(
        StartupError, match=r"plugin\.postgres\.uri: no answer: .*Connect call failed"
    ):
        async with opened(config):
            pass


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("postgresql://host:port:1/", "port"),
        ("postgresql://127.0.0.1/?sslmode=perhaps", "sslmode"),
    ],
)
async def test_a_bad_address_is_named(io_loop: Any, uri: str, why: str) -> None:
    with pytest.raises(StartupError, match=rf"plugin\.postgres\.uri: .*{why}"):
        async with opened(PostgresPlugin.Config(uri=uri)):
            pass


@pytest.mark.parametrize("mark", "/?#")
async def test_a_password_that_is_not_encoded_is_not_shown(io_loop: Any, mark: str) -> None:
    config = PostgresPlugin.Config(uri=f"postgresql://u:hunter2{mark}x@127.0.0.1:1/")
    with pytest.raises(StartupError, match="percent-encoded") as caught:
        async with opened(config):
            pass
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_a_missing_database_is_named_at_once(io_loop: Any, postgres: Postgres) -> None:
    config = PostgresPlugin.Config(uri=postgres.uri.replace("/postgres", "/nowhere"))
    with pytest.raises(StartupError, match=r'plugin\.postgres\.uri: database "nowhere"'):
        async with opened(config):
            pass


async def test_a_right_that_is_missing_is_named(io_loop: Any, postgres: Postgres) -> None:
    role = f"role_{secrets.token_hex(4)}"
    config = PostgresPlugin.Config(uri=postgres.uri, schema=role)
    async with connected(config) as connection:
        await connection.execute(f"CREATE ROLE {role} LOGIN")
        theirs = msgspec.structs.replace(config, uri=postgres.uri.replace("chat@", f"{role}@"))
        with pytest.raises(StartupError, match=r"plugin\.postgres: permission denied"):
            async with opened(theirs):
                pass
        await connection.execute(f"CREATE SCHEMA {role} AUTHORIZATION {role}")
    async with opened(theirs) as store:
        await store.ping()
        assert await store.append([posted("r", 1)]) == Appended(1)
        assert await store.heads(["r"]) == {"r": 1}


async def test_a_server_that_forgets_is_refused(io_loop: Any, own: Postgres) -> None:
    own.stop()
    await asyncio.to_thread(own.start, fsync="off")
    with pytest.raises(StartupError, match="fsync = off, with which it may lose"):
        async with opened(PostgresPlugin.Config(uri=own.uri)):
            pass


async def test_every_commit_waits_for_the_disk(io_loop: Any, postgres: Postgres) -> None:
    """The defaults of the database and of the user are overridden."""
    config = PostgresPlugin.Config(uri=postgres.uri, schema=f"test_{secrets.token_hex(8)}")
    async with connected(config) as connection:
        await connection.execute("ALTER ROLE chat SET synchronous_commit = off")
    try:
        async with connected(config) as connection:
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        async with connected(config) as connection:
            await connection.execute("ALTER ROLE chat RESET synchronous_commit")


def test_a_name_that_is_no_name_is_refused() -> None:
    for name in ('a"; DROP TABLE events; --', "", "Größe", "x" * 64, "1a"):
        with pytest.raises(msgspec.ValidationError, match="schema"):
            msgspec.convert({"uri": "postgresql://host/", "schema": name}, PostgresPlugin.Config)


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delitem(sys.modules, "chatserver_plugins.postgres.store", raising=False)
    monkeypatch.delitem(sys.modules, "chatserver_plugins.postgres.driver", raising=False)
    plugin = PostgresPlugin(PostgresPlugin.Config(uri="postgresql://host/"))
    with pytest.raises(StartupError, match=re.escape("pip install '.[postgres]'")):
        plugin.provide_store()
