"""Behaviour particular to SQLite: the file and its lock, faults of the disk, time limits, the schema."""

# ruff: noqa: ASYNC240

import asyncio
import itertools
import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Collection, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from chatserver import (
    Appended,
    EventRemoved,
    MessageDeleted,
    MessageEdited,
    PinAdded,
    RoomRole,
    StartupError,
    Store,
    StoreUnavailable,
)
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.sqlite import SqlitePlugin, SqliteStore, database, queries, records, schema
from tests.faults.disk import no_file_grows_over
from tests.faults.server import ChatServer
from tests.forking import ran
from tests.servers import PATIENT_MS
from tests.stores.waiting import comes_back

NOBODY = 65534
LONGEST_SECONDS = 30.0  # without its limit a call would take minutes, or never end

HOLDER = """
import asyncio, sys
from pathlib import Path
from chatserver_plugins.sqlite import SqlitePlugin

async def main():
    store = SqlitePlugin(SqlitePlugin.Config(path=sys.argv[1]), Path()).provide_store()
    await store.open()
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""

WRITER = """
import asyncio, sys
from pathlib import Path
from chatserver.testing.samples import posted
from chatserver_plugins.sqlite import SqlitePlugin

async def main():
    store = SqlitePlugin(SqlitePlugin.Config(path=sys.argv[1]), Path()).provide_store()
    await store.open()
    for seq in range(1, int(sys.argv[2]), 10):
        await store.append([posted(f"r{n}", number, client_id=f"{n}-{number}")
                            for number in range(seq, seq + 10) for n in range(30)])
        print(seq + 9, flush=True)
        await store.remove("r0", [seq])  # waits for no disk; the next append does

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


def make(path: Path, **settings: Any) -> SqliteStore:
    config = SqlitePlugin.Config(path=str(path), **{"timeout_ms": PATIENT_MS} | settings)
    store = SqlitePlugin(config, Path("/unused")).provide_store()
    assert isinstance(store, SqliteStore)
    return store


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[SqliteStore]:
    store = make(path, **settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def refuses(path: Path, why: str) -> None:
    with pytest.raises(StartupError, match=rf"plugin\.sqlite\.path: {path}: .*{why}"):
        await make(path).open()


def process(
    program: str, *arguments: object, stderr: int | None = None
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


# -- the file and who has it -----------------------------------------------------------------------


async def test_it_is_in_the_data_folder_if_nothing_else_is_said(
    io_loop: Any, tmp_path: Path
) -> None:
    store = SqlitePlugin(SqlitePlugin.Config(), tmp_path / "sqlite").provide_store()
    await store.open()
    await store.close()
    # Closed in order, everything is in the one file, and nobody else may read it.
    found = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "sqlite").iterdir()}
    assert found == {"chat.db": 0o600, "chat.db-lock": 0o600}


async def test_a_second_server_on_the_file_is_refused(
    io_loop: Any, path: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with process(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        for name in (path, link):
            await refuses(name, rf"in use by another server \(process {holder.pid}\)")
        holder.kill()
    async with opened(path) as store:  # the lock went with its process
        await store.ping()


async def test_a_second_server_is_refused_under_any_name_of_the_file(
    io_loop: Any, path: Path, tmp_path: Path
) -> None:
    """SQLite would write two logs, and damage the file."""
    other = tmp_path / "elsewhere" / "other.db"
    other.parent.mkdir()
    with process(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        other.hardlink_to(path)
        await refuses(other, "in use by another server under another name")
        with pytest.raises(StartupError, match="has 2 names"):
            await make(other).open_to_read()
        holder.kill()
    assert not other.with_name("other.db-wal").exists()
    for name in (path, other):
        await refuses(name, r"the file has 2 names \(hard links\)")
    other.unlink()
    async with opened(path) as store:
        other.hardlink_to(path)
        await refuses(other, f"already open under another name: {path}")
        await store.ping()


async def test_the_file_stays_locked_until_its_last_store_here_closes(
    io_loop: Any, path: Path, tmp_path: Path
) -> None:
    """The system lets go of some locks when their process closes the file anywhere."""
    async with opened(path) as store:
        async with opened(path):
            pass
        assert await make(path).plan() == []
        other = tmp_path / "other.db"
        other.hardlink_to(path)
        for name in (path, other):
            with process(HOLDER, name, stderr=subprocess.PIPE) as holder:
                _, said = holder.communicate(timeout=60)
                assert b": in use by another server" in said
        await store.ping()


async def test_an_opening_that_is_given_up_leaves_nothing_open(io_loop: Any, path: Path) -> None:
    store = make(path)
    opening = asyncio.ensure_future(store.open())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    assert opening.cancelled()
    held = [file.path for file in psutil.Process().open_files()]
    assert not [each for each in held if each.startswith(str(path))]
    with no_file_grows_over(0):  # nor does it take room to say who has it
        await refuses(path, "")
    async with opened(path) as again:
        await again.ping()


def test_accounts_can_be_changed_while_no_server_runs(path: Path, tmp_path: Path) -> None:
    settings = [f"--set=plugin.sqlite.path={path}", "--set=plugins.enabled=sqlite,password"]

    def chatserver(*arguments: str) -> "subprocess.CompletedProcess[str]":
        # A data folder of its own: what refuses is the lock of the file.
        where = f"--set=server.data={tmp_path / 'other'}"
        return ran(*arguments, where, *settings, input="correct horse\n")

    user = partial(chatserver, "user")
    assert chatserver("migrate").returncode == 0
    assert user("add", "ada", "--password-file", "-").returncode == 0
    with ChatServer(tmp_path / "server", store="sqlite", plugin__sqlite__path=path) as server:
        server.register("bob")
        refused = user("list")
        assert refused.returncode == 1
        assert f"{path}: in use by another server (process {server.process.pid})" in refused.stderr
        assert server.stop() == 0
    names = {json.loads(line)["username"] for line in user("list", "--json").stdout.splitlines()}
    assert names == {"ada", "bob"}


async def test_a_file_of_something_else_is_left_alone(io_loop: Any, path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)
    await refuses(path, "not a database")
    assert path.read_bytes() == b"no database at all " * 100
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    await refuses(path, "database of another program")
    assert path.read_bytes() == before


async def test_a_damaged_header_is_named(io_loop: Any, path: Path) -> None:
    async with opened(path) as store:
        await store.append([posted("r", 1)])
    whole = path.read_bytes()
    path.write_bytes(b"\xff" * 100 + whole[100:])
    await refuses(path, "not a database")
    path.write_bytes(whole)
    async with opened(path) as store:
        assert await store.read("r", 0, 9) == [posted("r", 1)]


async def test_damage_is_found_when_it_is_read(io_loop: Any, path: Path) -> None:
    async with opened(path) as store:
        await store.append([posted("r", seq) for seq in range(1, 2000)])
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(os.urandom(path.stat().st_size - 20 * 4096))
    async with opened(path) as store:
        with pytest.raises(StoreUnavailable):
            await store.read("r", 0, 2000)


async def test_a_path_that_cannot_be_is_named(io_loop: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    await refuses(tmp_path / "file" / "chat.db", "Not a directory|File exists")
    (tmp_path / "folder").mkdir()
    await refuses(tmp_path / "folder", "Is a directory")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_read_only_folder_is_named(io_loop: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with opened(folder / "chat.db") as store:
            await store.append([posted("r", 1)])
        folder.chmod(0o555)
        with as_nobody():
            await refuses(folder / "chat.db", "Permission denied")
            await refuses(folder / "new.db", "Permission denied")
        folder.chmod(0o755)
        async with opened(folder / "chat.db") as store:
            assert await store.read("r", 0, 9) == [posted("r", 1)]


async def test_a_read_only_file_is_named(io_loop: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "chat.db"
        async with opened(path):
            pass
        path.chmod(0o444)
        Path(name).chmod(0o777)
        path.with_name("chat.db-lock").chmod(0o666)
        with as_nobody():
            await refuses(path, "readonly")


# -- faults ------------------------------------------------------------------------------------


async def test_a_full_disk_loses_nothing_and_is_come_back_from(
    io_loop: Any, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def batch(seq: int) -> list[Any]:
        return [posted("r", seq, body="x" * 50_000)]

    async with opened(path) as store:
        stored = 0
        with no_file_grows_over(1_000_000):
            with pytest.raises(StoreUnavailable):
                for seq in range(1, 100):
                    stored += (await store.append(batch(seq))).stored
            assert 5 < stored < 25
            with pytest.raises(StoreUnavailable):
                await store.append(batch(stored + 1))
            # Acknowledged events can be read all the time.
            assert await store.heads(["r"]) == {"r": stored}
        await comes_back(store)
        assert (await store.append(batch(stored + 1))).stored == 1
        assert len(await store.read("r", 0, 100)) == stored + 1
    told = [
        record.getMessage()
        for record in caplog.records
        if record.name == "chatserver.sqlite" and record.levelno >= logging.WARNING
    ]
    assert len(told) == 2
    assert "cannot write" in told[0]
    assert "can be written again" in told[1]


async def test_acknowledged_events_survive_kill_9(io_loop: Any, path: Path) -> None:
    with process(WRITER, path, 1_000_000) as writer:
        assert writer.stdout is not None
        for _ in range(30):
            assert writer.stdout.readline()
        writer.kill()
        acknowledged = int(([b"300", *writer.stdout.read().split()])[-1])
    async with opened(path) as store:
        rooms = [f"r{n}" for n in range(30)]
        heads = await store.heads(rooms)
        # A batch is there as a whole or not at all; the last one may be, unacknowledged.
        assert set(heads) == set(rooms)
        assert len(set(heads.values())) == 1
        assert heads["r0"] in (acknowledged, acknowledged + 10)
        for room, head in heads.items():
            seqs = [event.seq for event in await store.read(room, 0, head)]
            assert seqs == list(range(1, head + 1))


def unsynced(trace: str) -> int:
    """Number of lines printed while something written to the log was not synced."""
    dirty, count = False, 0
    for line in trace.splitlines():
        if "-wal>" in line and "pwrite64" in line:
            dirty = True
        elif "sync" in line and ("-wal>" in line or "resumed" in line) and line.endswith("= 0"):
            dirty = False
        elif "write(1<" in line:
            count += dirty
    return count


@pytest.mark.parametrize("weak", [False, True])
def test_nothing_is_acknowledged_before_it_is_synced(
    path: Path, tmp_path: Path, weak: bool
) -> None:
    """It checks the system calls. Without the setting that syncs, the same test must fail."""
    program = WRITER
    if weak:
        program = "from chatserver_plugins.sqlite import database\n" + WRITER.replace(
            "await store.open()", "database.SYNCHRONOUS = 'OFF'\n    await store.open()"
        )
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,fsync,fdatasync,write"
    if shutil.which("strace") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no strace")
    strace = ["strace", "-f", "-y", "-q", "-e", calls, "-e", "signal=none", "-o", str(trace)]
    done = subprocess.run(
        [*strace, sys.executable, "-c", program, str(path), "100"], capture_output=True
    )
    assert done.stdout.split()[-1] == b"100", done.stderr
    assert bool(unsynced(trace.read_text())) is weak


@contextmanager
def always_reading(path: Path) -> Iterator[None]:
    """A reader begins whenever another stops."""
    stop = threading.Event()

    def read() -> None:
        with ExitStack() as stack:
            readers = [
                stack.enter_context(
                    closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
                )
                for _ in range(2)
            ]
            for now, before in itertools.cycle((readers, readers[::-1])):
                now.execute("BEGIN")
                now.execute("SELECT count(*) FROM rooms").fetchone()
                if before.in_transaction:
                    before.execute("COMMIT")
                if stop.wait(0.005):
                    return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("bound", [1_000_000, 1_000_000_000])
async def test_the_log_does_not_grow_for_ever_beside_readers(
    io_loop: Any, path: Path, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    monkeypatch.setattr(database, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(database, "LOG_BYTES", bound)
    largest = 0
    async with opened(path) as store:
        with always_reading(path):
            for seq in range(1, 301):
                await store.append([posted("r", seq, body="x" * 20_000)])
                largest = max(largest, path.with_name("chat.db-wal").stat().st_size)
        assert await store.heads(["r"]) == {"r": 300}
    # Without the bound it is as large as all that was written.
    assert (largest < 1_500_000) is (bound == 1_000_000)


async def test_a_held_file_fails_in_time_and_comes_back(
    io_loop: Any, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path, timeout_ms=700) as store:
        await store.append([posted("r", 1)])
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            results = await asyncio.gather(
                store.append([posted("r", 2)]), store.put("s", "k", b""), store.ping(),
                return_exceptions=True,
            )  # fmt: skip
            assert time.monotonic() - started < LONGEST_SECONDS
            assert all(isinstance(result, StoreUnavailable) for result in results)
            assert await store.heads(["r"]) == {"r": 1}
            assert f"cannot write {path}: TimeoutError" in caplog.messages
        await comes_back(store)
        assert (await store.heads(["r"]))["r"] in (1, 2)


async def test_a_read_that_takes_too_long_is_ended(io_loop: Any, path: Path) -> None:
    endless = (
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT sum(n) FROM n"
    )

    def run(connection: sqlite3.Connection) -> Any:
        return connection.execute(endless).fetchone()

    async with opened(path, timeout_ms=500) as store:
        await store.append([posted("r", 1)])
        started = time.monotonic()
        reads = [store._database.read(run) for _ in range(400)]  # one after the other: a minute
        results = await asyncio.gather(*reads, return_exceptions=True)
        assert time.monotonic() - started < LONGEST_SECONDS
        assert all(isinstance(result, StoreUnavailable) for result in results)
        assert await store.read("r", 0, 9) == [posted("r", 1)]


async def test_one_bad_write_does_not_cost_the_others_theirs(io_loop: Any, path: Path) -> None:
    async with opened(path) as store:
        results = await asyncio.gather(
            store.append([posted("a", 1)]),
            store.append([posted("b", 2**63)]),
            store.put("s", "k", b"1"),
            return_exceptions=True,
        )
        assert isinstance(results[1], OverflowError)
        assert await store.heads(["a", "b"]) == {"a": 1}
        assert await store.get("s", "k") == b"1"


async def test_a_removal_lets_others_write_between_and_waits_for_no_disk(
    io_loop: Any, path: Path
) -> None:
    async with opened(path) as store:
        await store.append([posted("r", seq) for seq in range(1, 14)])
        statements: list[str] = []
        held, go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def hold(connection: sqlite3.Connection) -> None:
            connection.set_trace_callback(statements.append)
            loop.call_soon_threadsafe(held.set)
            assert go_on.wait(LONGEST_SECONDS)

        holding = asyncio.create_task(store._database.write(hold))
        await held.wait()
        calls = [
            store.append([posted("r", 14), posted("r", 15)]),
            store.remove("r", range(1, 13)),
            store.put("space", "key", b"value"),
        ]
        made: list[int] = []
        tasks = [asyncio.create_task(call) for call in calls]
        for number, task in enumerate(tasks):
            task.add_done_callback(lambda _, number=number: made.append(number))
        await asyncio.sleep(0.05)  # all of them wait in this order
        go_on.set()
        await asyncio.gather(holding, *tasks)
        assert made == [0, 2, 1]
        put = "REPLACE INTO records"  # a transaction by itself
        known = (put, "BEGIN", "COMMIT", "PRAGMA")
        begun = [each.partition(" VALUES")[0] for each in statements if each.startswith(known)]
        whole = ["BEGIN IMMEDIATE", "COMMIT"]
        less, more = "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"
        assert [each for each in begun if "checkpoint" not in each] == [
            *("COMMIT", less, *whole),  # of what held, then of ten events
            *(more, put),
            *(less, *whole),
        ]
        assert [type(each) for each in await store.read("r", 0, 12)] == [EventRemoved] * 12


async def test_a_removal_goes_on_after_a_transaction_that_could_not_be_ended(
    io_loop: Any, path: Path
) -> None:
    async with opened(path) as store:
        await store.append([posted("r", 1), posted("r", 2)])
        for seq in (1, 2):
            await store._database.write(lambda it: it.execute("BEGIN"), is_statement=True)
            await store.remove("r", [1])
            assert await store.append([posted("r", 2 + seq)]) == Appended(1)
        ((level,),) = await store._database.write(
            lambda it: it.execute("PRAGMA synchronous").fetchall()
        )
        assert level == 2, "FULL: what is acknowledged is on the disk"


async def test_a_closed_store_refuses_at_once(io_loop: Any, path: Path) -> None:
    async with opened(path) as store:
        pass
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.ping()
    assert time.monotonic() - started < LONGEST_SECONDS


# -- the schema --------------------------------------------------------------------------------


async def test_a_server_older_than_its_data_refuses(io_loop: Any, path: Path) -> None:
    async with opened(path):
        pass
    newer = len(schema.MIGRATIONS) + 1
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {newer}")
    await refuses(path, f"version {newer}.* the newer server")


async def test_an_interrupted_migration_is_done_again(
    io_loop: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as store:
        await store.append([posted("r", 1)])
    good = "CREATE TABLE further (a TEXT) STRICT"
    now = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*now, schema.Step("", (good, "CREATE NONSENSE"))))
    await refuses(path, "NONSENSE")
    monkeypatch.setattr(schema, "MIGRATIONS", (*now, schema.Step("", (good,))))
    async with opened(path) as store:
        assert await store.read("r", 0, 9) == [posted("r", 1)]
    with closing(sqlite3.connect(path)) as other:
        assert schema.version_of(other) == len(now) + 1
        assert other.execute("SELECT count(*) FROM further").fetchone() == (0,)


def steps(path: Path, query: str, *values: Any) -> int:
    """Number of SQLite's instructions for a query."""
    count = 0

    def count_one() -> int:
        nonlocal count
        count += 1
        return 0

    with closing(sqlite3.connect(path)) as connection:
        connection.set_progress_handler(count_one, 1)
        assert connection.execute(query, values).fetchone()[0]
    return count


async def test_queries_do_not_get_slower_with_the_log(io_loop: Any, path: Path) -> None:
    # Room 1 stays small, room 2 grows.
    asked: dict[str, tuple[str, tuple[Any, ...]]] = {
        "heads": (queries.HEADS, ("[2]",)),
        "rooms": (queries.ROOMS, ("[2]",)),
        "members": (queries.MEMBERS, ("[1, 2]",)),
        "memberships": (queries.MEMBERSHIPS, ("u1",)),
        "messages": (queries.MESSAGES, (2, queries.ANY_SEQ, 5)),
        "read": (queries.READ, (2, 3, 5)),
        "ranges": (queries.RANGES, (5, "[[2, 3], [2, 100], [1, 0], [null, 0]]")),
        "pages": (queries.PAGES, (5, f"[[2, {queries.ANY_SEQ}], [2, 100], [1, 9], [null, 9]]")),
        "posted": (queries.POSTED, ("[[2, 16], [2, 1], [2, 9999], [1, 1]]",)),
        "changes": (queries.changes(3), (0, 2, "r-1", 1, 2, "none", 2, 1, "r-1")),
        "shown": (queries.SHOWN, (2, 3, 5)),
        "shown_for_each": (queries.SHOWN_FOR_EACH, (5, "[[2, 3], [2, 100], [1, 0], [null, 0]]")),
        "repeats": (queries.repeats(2), ("u1", "c-r-16", "u1", "none")),
        "numbers": (queries.numbers(2), ("r", "none")),
        "get_many": (records.get_many(2), ("s", "r-1", "none")),
    }

    async def grow(store: Store, first: int) -> dict[str, int]:
        for seq in range(first, first + 1000, 20):
            await store.append(
                [
                    *(described("r", seq + n) for n in range(5)),
                    *(joined("r", seq + n, f"u{n}", RoomRole.ADMIN) for n in range(5, 10)),
                    *(joined("r", seq + n, f"u{n - 9}") for n in range(10, 15)),
                    *(posted("r", seq + n) for n in range(15, 19)),
                    event(PinAdded, "r", seq + 19, message=f"r-{seq}"),
                ]
            )
            await store.put("s", f"r-{seq}", b"value")
        return {name: steps(path, query, *values) for name, (query, values) in asked.items()}

    async with opened(path) as store:
        await store.append([posted("other", 1), joined("other", 2, "u1")])
        small = await grow(store, 1)
        large = await grow(store, 1001)
        assert {name: large[name] <= small[name] * 1.1 + 20 for name in small} == dict.fromkeys(
            small, True
        )


async def test_reading_a_message_does_not_get_slower_with_its_edits(
    io_loop: Any, path: Path
) -> None:
    async with opened(path) as store:
        await store.append([posted("r", 1)])
        for first in (2, 1002):
            edits = [
                event(MessageEdited, "r", first + n, message="r-1", body="b") for n in range(1000)
            ]
            await store.append(edits)
            taken = [
                steps(path, queries.changes(1), 0, 1, "r-1"),
                steps(path, queries.SHOWN, 1, 0, 1),
            ]
            if first == 2:
                few = taken
    assert taken == pytest.approx(few, rel=0.1)


async def test_finding_replaced_texts_does_not_cost_a_step_for_each_event(
    io_loop: Any, path: Path
) -> None:
    async with opened(path) as store:
        await store.append([posted("r", seq) for seq in range(1, 1001)])
        await store.append([event(MessageDeleted, "r", 1001, message="r-7")])

        def look(limit: int) -> int:
            return steps(path, queries.SHOWN, 1, 0, limit) - steps(path, queries.READ, 1, 0, limit)

        assert look(1000) == look(10) < 200


async def test_texts_that_the_version_before_replaced_are_not_shown(
    io_loop: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = [
        posted("r", 1),
        event(MessageEdited, "r", 2, message="r-1", body="b"),
        event(MessageDeleted, "r", 3, message="r-1"),
    ]
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:4])
        async with opened(path) as store:
            await store.append(log)
    async with opened(path) as store:
        (shown,) = await store.shown([("r", 0)], 9)
        assert [getattr(each, "body", None) for each in shown] == ["", "", None]


async def test_many_rooms_are_read_in_one_statement(
    io_loop: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "READERS", 1)
    rooms = [f"r{n}" for n in range(queries.MANY)]
    said: list[str] = []
    async with opened(path) as store:
        await store.append([posted(room, 1, id=f"{room}-m") for room in rooms])
        await store.append([event(PinAdded, room, 2, message=f"{room}-m") for room in rooms])
        await store.append([joined(room, 3, "u1") for room in rooms])
        await store._database.read(lambda reader: reader.set_trace_callback(said.append))
        calls: dict[str, Awaitable[Collection[Any]]] = {
            "ranges": store.ranges([(room, 0) for room in rooms], 1),
            "shown": store.shown([(room, 0) for room in rooms], 1),
            "pages": store.pages([(room, None) for room in rooms], 1),
            "posted": store.posted([(room, 1) for room in rooms]),
            "changes": store.changes({room: [f"{room}-m"] for room in rooms}),
            "members": store.members(rooms),
            "get_many": store.get_many("s", rooms),
        }
        for name, call in calls.items():
            said.clear()
            found = await call
            assert (name, len(said)) == (name, 1)
            assert len(found) == (0 if name == "get_many" else len(rooms)), name
