"""The backups that a server makes by itself, and the figures about them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver.app import Server
from chatserver.config import Loaded, load
from chatserver.copies.backup import job
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.figures import BackupFigures
from chatserver.copies.backup.job import BackupJob
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.verify import verified_at
from chatserver.runtime.measure import Gauge, Measures
from tests.backup.seed import seed
from tests.waiting import until

KEY = bytes(range(32)).hex()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "START_SECONDS", 0.0)


def loaded(folder: Path, **settings: object) -> Loaded:
    given = {f"backup.{key}": value for key, value in settings.items()}
    return load(
        environ={},
        overrides={
            "server.data": str(folder / "data"),
            "plugins.enabled": ["memory", "password"],
            "backup.every_hours": 24,
            "logging.folder": "",
            **given,
        },
    )


@asynccontextmanager
async def working(loaded: Loaded) -> AsyncIterator[Server]:
    """A server that does its jobs, but does not listen."""
    server = Server(loaded)
    async with server.opened(), server.working():
        yield server


def figures(measures: Measures) -> dict[str, Any]:
    return {
        measure.name.removeprefix("chatserver_backup_"): measure.read()
        for measure in measures
        if isinstance(measure, Gauge) and measure.name.startswith("chatserver_backup")
    }


async def test_a_server_makes_one_has_it_verified_and_tells_of_it(tmp_path: Path) -> None:
    started = time.time()
    async with working(loaded(tmp_path, key=KEY)) as server:
        await seed(server.store)
        shelf = Shelf(tmp_path / "data/backups")
        await until(lambda: [path for path in shelf.all() if verified_at(path)])
        await until(lambda: figures(server.measures)["last_verified_timestamp_seconds"])
        shown = figures(server.measures)
        runs = {each.name: (each, last) for each, last in await server.jobs.last_runs()}
    listed, last = runs["backup"]
    assert listed.every == 86400
    assert last is None or last.failures == 0
    assert shown["last_success_timestamp_seconds"] >= int(started)
    assert shown["last_verified_timestamp_seconds"] >= int(started)
    assert 0 <= shown["age_seconds"] < 120
    assert shown["duration_seconds"] > 0
    assert shown["size_bytes"] > 500
    assert shown["chatserver_backups"] == 1


def test_a_server_that_makes_none_has_no_job_and_no_figures(tmp_path: Path) -> None:
    server = Server(loaded(tmp_path, every_hours=0))
    assert not figures(server.measures)


def test_a_server_that_continues_those_of_a_timer_tells_of_them(tmp_path: Path) -> None:
    server = Server(loaded(tmp_path, every_hours=0, ship_seconds=20))
    shown = figures(server.measures)
    assert shown["chatserver_backups"] == shown["last_success_timestamp_seconds"] == 0
    both = Server(loaded(tmp_path, every_hours=24, ship_seconds=20))
    assert shown.keys() == figures(both.measures).keys()


def test_without_a_backup_the_figures_say_never(tmp_path: Path) -> None:
    measures = Measures()
    BackupFigures(Shelf(tmp_path / "none"), None, measures)
    shown = figures(measures)
    assert shown["age_seconds"] == pytest.approx(time.time(), abs=60)
    del shown["age_seconds"]
    # {} where targets are told apart, and before files were first counted, which another thread does.
    assert all(value in (0, {}, {(): 0}) for value in shown.values()), shown


def test_an_invalid_key_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"backup\.key: expected 32 random bytes"):
        Server(loaded(tmp_path, key="hunter2"))


async def test_old_backups_are_removed(empty: Callable[[str], Any], tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "data/backups")
    for year in (2001, 2002):
        (shelf.folder / f"chatserver-{year}0101T000000Z").mkdir(parents=True)
    async with empty("memory") as store:
        await seed(store)
        await BackupJob(loaded(tmp_path, verify=False, keep_days=7), store, Measures()).run()
    assert len(shelf.all()) == 1


async def test_a_backup_that_cannot_be_verified_is_a_failure(
    empty: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with empty("memory") as store:
        await seed(store)
        made = BackupJob(loaded(tmp_path), store, Measures())
        monkeypatch.setattr(job, "_QUIET", {"CHATSERVER_NONSENSE": "1"})
        with pytest.raises(BackupError, match=r"could not be verified: .*CHATSERVER_NONSENSE"):
            await made.run()


async def test_a_server_that_stops_ends_a_verification_in_order(
    empty: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    async with empty("memory") as store:
        await seed(store, messages=300)
        running = asyncio.create_task(BackupJob(loaded(tmp_path), store, Measures()).run())
        await until(lambda: running.done() or list(scratch.iterdir()))
        running.cancel()
        await asyncio.wait([running])
        assert not list(scratch.iterdir())


async def test_a_server_that_stops_leaves_nothing_half_done(
    empty: Callable[[str], Any], tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "data/backups")
    async with empty("memory") as store:
        await seed(store)
        for seconds in (0.0, 0.001, 0.01, 0.03):
            made = BackupJob(loaded(tmp_path, verify=False), store, Measures())
            running = asyncio.create_task(made.run())
            await asyncio.sleep(seconds)
            running.cancel()
            await asyncio.wait([running])
            assert not list(shelf.folder.glob(".partial*"))
