"""Two nodes, each with a folder of its own: the one that takes over makes a backup at once, and says so."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatserver.cluster.installation import META
from chatserver.cluster.leases import Leases
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup import increments, job
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.moment import reach
from chatserver.copies.backup.newest import KEY as RECORD
from chatserver.copies.backup.newest import Newest, lacking, note_newest
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.runtime.measure import Measures
from chatserver_plugins.memory import MemoryStore
from tests.backup.conftest import KEY
from tests.backup.planting import rewritten
from tests.backup.seed import seed
from tests.backup.test_job import figures, loaded, working
from tests.waiting import until

ELSEWHERE = "backup.folder is not the same place on all nodes"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "START_SECONDS", 0.0)


async def made(store: Any, shelf: Shelf, key: Key | None = KEY) -> Path:
    path, _ = await take(store, shelf, BackupSettings(part_bytes=1 << 20, key=key))
    return path


async def test_the_node_that_takes_over_makes_one_in_its_own_folder_and_goes_on_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    """The last backup was just made: the next by the clock would be a day later."""
    store = MemoryStore()  # of the installation that both are nodes of
    monkeypatch.setattr("chatserver.hooks.providing.Provided.store", lambda _: store)
    settings = {"ship_seconds": 0.05, "verify": False}
    for name in ("one", "two"):
        shelf = Shelf(tmp_path / name / "data/backups")
        async with working(loaded(tmp_path / name, **settings)) as server:
            if name == "one":
                await seed(store)
            await until(partial(is_kept_up_to_date, shelf, server.measures))
            shown = figures(server.measures)
            warned = [line for line in logged if ELSEWHERE in line]
        assert (shown["shipping"], shown["shipping_broken"]) == (1, 0)
        assert 0 < shown["shipping_age_seconds"] < 60
        assert bool(warned) == (name == "two")
    assert str(shelf.folder) in warned[0] and warned[0].startswith("WARNING")


async def test_a_server_that_only_makes_backups_says_that_the_last_is_elsewhere(
    empty: Callable[[str], Any], tmp_path: Path, logged: list[str]
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        for name in ("one", "one", "two"):
            config = loaded(tmp_path / name, verify=False)
            await job.BackupJob(config, store, Measures(), name).run()
            assert sum(ELSEWHERE in line for line in logged) == (name == "two")


def is_kept_up_to_date(shelf: Shelf, measures: Measures) -> bool:
    shown = figures(measures)
    files = [file for path in shelf.all() for file in increments.files(path)]
    return bool(files and shown["shipped_timestamp_seconds"] and not shown["newest_elsewhere"])


async def test_one_is_lacking_where_neither_it_nor_a_newer_one_is_there(
    empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        assert await lacking(store, []) is None, "nobody has made one"
        path, manifest = await take(store, shelf, BackupSettings(part_bytes=1 << 20))
        await note_newest(store, manifest, "node 1")
        assert await lacking(store, shelf.all()) is None
        assert await lacking(store, []) == Newest(path.name, "node 1")
        older = path.with_name("chatserver-20010101T000000Z")
        assert await lacking(store, [older]) == Newest(path.name, "node 1")
        assert await lacking(store, [path.with_name("chatserver-29990101T000000Z")]) is None
        newer = path.with_name("chatserver-29990101T000000Z")
        assert await lacking(store, [], [newer]), "anybody can put one there"
        assert await lacking(store, [], [path]) is None, "of another key, but it is there"
        await store.put(META, RECORD, b"nonsense")
        assert await lacking(store, []) is None


async def test_a_node_with_an_older_one_goes_on_beside_it_until_there_is_a_new_one(
    empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path, logged: list[str]
) -> None:
    asked: list[bool] = []
    other, measures = Shelf(tmp_path / "other"), Measures()
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        old = await made(store, shelf)
        old = old.rename(old.with_name("chatserver-20260101T000000Z"))
        rewritten(old, KEY, name=old.name)
        _, manifest = await take(store, other, BackupSettings(part_bytes=1 << 20, key=KEY))
        await note_newest(store, manifest, "node 1")
        shipper = Shipper(store, shelf, KEY, 1.0, measures, lambda: asked.append(True))
        for _ in range(3):
            await shipper.round()
        await shipper.end()
        assert (await reach(Backup(old, KEY))).closed
        assert len(asked) == 3 and figures(measures)["newest_elsewhere"] == 1
        assert sum(ELSEWHERE in line for line in logged) == 1, "it is said once"


async def test_a_backup_with_broken_increments_is_replaced_by_a_new_one(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    asked: list[bool] = []
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path = await made(store, shelf)
        writing = Shipper(store, shelf, KEY, 1.0, Measures())
        await writing.round()
        await writing.end()
        for file in increments.files(path):
            file.unlink()
        shipper = Shipper(store, shelf, KEY, 1.0, Measures(), lambda: asked.append(True))
        with pytest.raises(ArchiveError, match="the file is truncated or missing"):
            await shipper.round()
        assert asked
        await made(store, shelf)
        await shipper.round()
        await shipper.end()


async def test_the_figures_say_that_shipping_is_broken_and_that_it_is_over(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    measures = Measures()
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        assert figures(measures) == {}
        shipper = Shipper(store, shelf, KEY, 0.05, measures)
        assert figures(measures)["shipping_age_seconds"] == 0
        running = asyncio.create_task(shipper.run())
        await until(lambda: figures(measures)["shipping_broken"])
        assert figures(measures)["shipping"] == 1
        await made(store, shelf)
        await until(lambda: not figures(measures)["shipping_broken"])
        running.cancel()
        await asyncio.wait([running])
        shown = figures(measures)
        assert (shown["shipping"], shown["shipping_age_seconds"]) == (0, 0)


async def test_a_node_that_does_not_act_sees_that_its_folder_is_another(
    empty: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.copies.backup.shipper.WATCH_SECONDS", 0.01)
    measures = Measures()
    async with empty("memory") as store:
        _, manifest = await take(store, Shelf(tmp_path / "one"), BackupSettings(part_bytes=1 << 20))
        await note_newest(store, manifest, "node 1")
        shipper = Shipper(store, Shelf(tmp_path / "two"), None, 1.0, measures)
        shipper.start(Leases(store, "node 2"))  # it has no lease, as those are not started
        await until(lambda: figures(measures)["newest_elsewhere"])
        await shipper.stop()
