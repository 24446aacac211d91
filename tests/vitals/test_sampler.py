"""Vital signs of a server: folders, disks that hang, the store's answers, replicas and failovers."""

import asyncio
import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from chatserver.app import Server
from chatserver.config import load
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Replica, Replication
from chatserver.runtime.measure import Counter, Gauge, Measures
from chatserver.vitals import folders, replication, sampler
from chatserver.vitals.replication import StoreWatch
from chatserver.vitals.sampler import Vitals
from tests.waiting import until


class Store:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.away = False
        self.found: Replication | None = None

    async def ping(self) -> None:
        if self.away:
            raise StoreUnavailable(reason="cut")

    async def replication(self) -> Replication | None:
        return self.found


def read(measures: Measures, name: str) -> float | Mapping[tuple[str, ...], float]:
    (found,) = (each for each in measures if each.name == name)
    if isinstance(found, Gauge):
        return found.read()
    assert isinstance(found, Counter)
    return found.values.get((), 0)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sampler, "LOOK_SECONDS", 0.01)
    yield


async def test_the_store_as_this_node_sees_it() -> None:
    store, measures, failures = Store(), Measures(), list[StoreUnavailable]()
    watch = StoreWatch(store, measures, failures.append)
    task = asyncio.create_task(watch.watch(0.01))
    try:
        await until(lambda: not math.isnan(read(measures, "chatserver_store_write_seconds")))
        assert read(measures, "chatserver_store_up") == 1
        store.away = True
        await until(lambda: read(measures, "chatserver_store_up") == 0)
        await until(lambda: read(measures, "chatserver_store_outage_seconds") > 0.02)
        assert failures and failures[0].reason == "cut"
        store.away = False
        store.found = Replication(
            [Replica("b", True, 3.5), Replica("c", False, None)], era="term 1"
        )
        await until(lambda: read(measures, "chatserver_store_replicas") == 1)
        assert read(measures, "chatserver_store_outage_seconds") == 0
        assert read(measures, "chatserver_store_replica_up") == {("b",): 1, ("c",): 0}
        assert read(measures, "chatserver_store_replica_lag_seconds") == {("b",): 3.5}
        assert read(measures, "chatserver_store_failovers_total") == 0
        store.found = Replication([], era="")  # does not say
        await until(lambda: read(measures, "chatserver_store_replicas") == 0)
        store.found = Replication([], era="term 2")
        await until(lambda: read(measures, "chatserver_store_failovers_total") == 1)
    finally:
        task.cancel()


async def test_a_store_without_replication_or_with_a_broken_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = list[str]()
    monkeypatch.setattr(replication.logger, "exception", said.append)
    store, measures = Store(), Measures()
    store.replication = None  # type: ignore[assignment,method-assign]
    task = asyncio.create_task(StoreWatch(store, measures, print).watch(0.01))
    await until(lambda: not math.isnan(read(measures, "chatserver_store_write_seconds")))
    assert read(measures, "chatserver_store_replicas") == 0
    store.replication = lambda: 1 / 0  # type: ignore[assignment,method-assign]
    await until(lambda: len(said) >= 2)  # it goes on
    assert read(measures, "chatserver_store_up") == 1
    task.cancel()


def test_every_folder_that_is_written_to(tmp_path: Path) -> None:
    given = {
        "plugins.enabled": ["sqlite", "password", "audit", "disk_blobs"],
        "server.data": str(tmp_path),
        "plugin.sqlite.path": str(tmp_path / "elsewhere/chat.db"),
        "plugin.disk_blobs.path": str(tmp_path / "files"),
        "logging.folder": str(tmp_path / "logs"),
        "backup.every_hours": 1,
    }
    server = Server(load(environ={}, overrides=given))
    found = folders.written_folders(server.config, tmp_path, server.store, server.blobs)
    assert found == {
        "data": tmp_path,
        "logs": tmp_path / "logs",
        "backups": tmp_path / "backups",
        "data/sqlite": tmp_path / "sqlite",
        "data/password": tmp_path / "password",
        "data/audit": tmp_path / "audit",
        "data/disk_blobs": tmp_path / "disk_blobs",
        "store": tmp_path / "elsewhere",
        "blobs": tmp_path / "files",
    }
    assert set(folders.spaces(found)) == {"data"}  # the others are not there yet
    space = folders.spaces(found)["data"]
    assert 0 < space.free < space.size


@pytest.mark.usefixtures("fast")
async def test_a_disk_that_hangs_takes_its_metrics_away_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, calls = threading.Event(), list[int]()

    def spaces(found: Mapping[str, Path]) -> dict[str, folders.Space]:
        calls.append(1)
        if len(calls) == 2:
            hangs.wait(60)
        return {"data": folders.Space(1, 2)}

    monkeypatch.setattr(sampler, "spaces", spaces)
    config = load(environ={}, overrides={"server.data": str(tmp_path)}).config
    measures = Measures()
    vitals = Vitals(config, tmp_path, Store(), measures, print)
    vitals.start()
    try:
        await until(lambda: read(measures, "chatserver_disk_free_bytes") == {("data",): 1})
        assert read(measures, "chatserver_disk_size_bytes") == {("data",): 2}
        await until(lambda: read(measures, "chatserver_disk_free_bytes") == {})
        await until(lambda: not math.isnan(read(measures, "chatserver_store_write_seconds")))
        assert len(calls) == 2  # one thread at most
        hangs.set()
        await until(lambda: read(measures, "chatserver_disk_free_bytes") == {("data",): 1})
    finally:
        hangs.set()
        await vitals.stop()
