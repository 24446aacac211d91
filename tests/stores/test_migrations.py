"""Schemas: planned, brought up to date by one server at a time, interrupted, too new."""

# ruff: noqa: ASYNC220, ASYNC240

import asyncio
import secrets
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner

from chatserver import StartupError, Store
from chatserver.cli import main
from chatserver.cluster import installation
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin, mongod
from tests.servers import Mongod, Postgres, mongod_program
from tests.stores import migrating

ROOT = Path(__file__).parents[2]


class Place(NamedTuple):
    """The place of one store's data."""

    kind: str
    settings: dict[str, Any]
    folder: Path

    def store(self) -> Store:
        return migrating.store(*self)

    def add_step(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """The schema of a newer server; returns its name in a plan."""
        module = migrating.SCHEMAS[self.kind]
        steps = migrating.with_one_more(self.kind)
        monkeypatch.setattr(module, "MIGRATIONS", steps)
        return f"{self.kind}: version {len(steps)}: make both halves"


@pytest.fixture(params=["sqlite", "postgres", "mongo"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    name = f"test_{secrets.token_hex(8)}"
    if request.param == "sqlite":
        return Place("sqlite", {}, tmp_path)
    if request.param == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        return Place("postgres", {"uri": postgres.uri, "schema": name}, tmp_path)
    replica_set: Mongod = request.getfixturevalue("replica_set")
    return Place("mongo", {"uri": replica_set.uri, "database": name}, tmp_path)


async def written(place: Place) -> None:
    store = place.store()
    await store.open()
    await store.append([posted("r", 1)])
    await store.close()


async def test_a_plan_lists_the_steps_of_opening_and_changes_nothing(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await place.store().plan()
    assert steps
    assert await place.store().plan() == steps
    await written(place)
    assert await place.store().plan() == []
    added = place.add_step(monkeypatch)
    assert await place.store().plan() == [added]
    assert await migrating.made(*place) == set()


async def test_a_plan_can_be_asked_for_beside_a_server(io_loop: Any, place: Place) -> None:
    await written(place)
    running = place.store()
    await running.open()
    try:
        assert await place.store().plan() == []
        await running.append([posted("r", 2)])
    finally:
        await running.close()


async def test_a_step_whose_server_is_killed_in_the_middle_is_taken_by_the_next(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(place)
    kind, settings, folder = place
    given = [kind, msgspec.json.encode(settings).decode(), str(folder)]
    command = [sys.executable, "-m", "tests.stores.migrating", *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "middle\n"
        process.kill()
    added = place.add_step(monkeypatch)
    assert await place.store().plan() == [added]
    store = place.store()
    await store.open()
    try:
        assert await store.read("r", 0, 9) == [posted("r", 1)]
        assert await migrating.made(*place) == migrating.MADE
        assert await place.store().plan() == []
    finally:
        await store.close()


async def test_servers_that_start_together_take_each_step_once(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(place)
    place.add_step(monkeypatch)
    stores = [place.store() for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    try:
        assert await migrating.made(*place) == migrating.MADE
        for store in stores:
            assert await store.read("r", 0, 9) == [posted("r", 1)]
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_a_server_that_is_older_than_its_data_refuses_and_says_so(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = len(migrating.SCHEMAS[place.kind].MIGRATIONS)
    with monkeypatch.context() as newer:
        place.add_step(newer)
        await written(place)
    for refused in (place.store().open, place.store().plan):
        with pytest.raises(
            StartupError, match=f"version {known + 1}, .* {known}: start the newer server"
        ):
            await refused()
    place.add_step(monkeypatch)
    assert await place.store().plan() == []


async def test_a_plan_beside_a_private_mongod_uses_it(io_loop: Any, tmp_path: Path) -> None:
    mongod_program()  # skips without one
    make = MongoPlugin(MongoPlugin.Config(), tmp_path).provide_store
    assert len(await make().plan()) == len(migrating.mongo.MIGRATIONS)
    assert not list(tmp_path.iterdir())
    running = make()
    await running.open()
    try:
        assert await make().plan() == []
        assert mongod.running(
            int((tmp_path / "mongod.pid").read_text().split()[0]), tmp_path / "db"
        )
        await running.append([posted("r", 1)])
    finally:
        await running.close()
    assert await make().plan() == []


def migrate(folder: Path, *options: str) -> tuple[int, str]:
    settings = ["plugins.enabled=sqlite,password", f"server.data={folder / 'data'}"]
    arguments = ["migrate", *options, *(f"--set={setting}" for setting in settings)]
    result = CliRunner().invoke(main, arguments, prog_name="chatserver")
    return result.exit_code, result.output


def test_the_command_shows_and_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = "sqlite: version 1: make the tables of rooms, events and records\n"
    status, planned = migrate(tmp_path, "--plan")
    assert (status, planned.startswith(step)) == (0, True)
    assert len(planned.splitlines()) == len(migrating.sqlite.MIGRATIONS)
    assert not (tmp_path / "data").exists()
    done = "".join(f"done: {line}\n" for line in planned.splitlines())
    assert migrate(tmp_path) == (0, done)
    assert migrate(tmp_path) == (0, "The schema is up to date.\n")
    assert migrate(tmp_path, "--plan") == (0, "The schema is up to date.\n")
    with monkeypatch.context() as newer:
        newer.setattr(migrating.sqlite, "MIGRATIONS", migrating.with_one_more("sqlite"))
        assert migrate(tmp_path)[0] == 0
    for options in ((), ("--plan",)):
        status, said = migrate(tmp_path, *options)
        assert (status, "start the newer server" in said) == (1, True)


def test_the_command_does_not_open_a_store_in_use(tmp_path: Path) -> None:
    assert migrate(tmp_path)[0] == 0
    with sqlite3.connect(tmp_path / "data/sqlite/chat.db") as file:
        file.execute("PRAGMA user_version = 0")
    file.close()
    command = f"""
import fcntl, sys
lock = open({str(tmp_path / "data/lock")!r}, "r+")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        status, said = migrate(tmp_path)
        assert (status, "is in use by another server" in said) == (1, True)
        assert migrate(tmp_path, "--plan")[0] == 0


async def test_an_installation_that_a_newer_server_has_changed_is_refused(
    io_loop: Any, place: Place
) -> None:
    """The schema is the same, but its contents are newer."""
    store = place.store()
    await store.open()
    try:
        await installation.epoch(store)
        assert await store.get(installation.META, installation.FORMAT) == b"1"
        await store.put(installation.META, installation.FORMAT, b"2")
        with pytest.raises(StartupError, match=r"has format 2, .* up to 1: start the newer server"):
            await installation.enter(store)
    finally:
        await store.close()
