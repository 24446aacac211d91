"""Records of the nodes in the store, and who is taken for alive."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from chatserver import Store, StoreUnavailable
from chatserver.cluster.nodes import (
    FORGET_SECONDS,
    SPACE,
    NodeRecord,
    Presentation,
    raw_records,
    read,
)
from chatserver.status.nodes import nodes
from chatserver_plugins.memory import MemoryStore
from tests.waiting import until

BEAT = 0.01


def presentation(store: Store, name: str, data: str = "/data", **more: object) -> Presentation:
    return Presentation(
        store,
        name,
        ["connections", "jobs"],
        Path(data),
        on_failure=more.pop("on_failure", lambda error: None),  # type: ignore[arg-type]
        beat=BEAT,
        **more,  # type: ignore[arg-type]
    )


async def record_of(store: Store, name: str) -> NodeRecord | None:
    found = await store.get(SPACE, name)
    return None if found is None else read(name, found)


async def test_a_node_tells_of_itself_until_it_stops() -> None:
    store, heard = MemoryStore(), [False]
    node = presentation(store, "n1", bus=lambda: heard[0], connections=lambda: 7)
    node.start("127.0.0.1:4000", "127.0.0.1:9464")
    await until(lambda: record_of(store, "n1"))
    first = await record_of(store, "n1")
    assert first is not None
    assert (first.address, first.internal) == ("127.0.0.1:4000", "127.0.0.1:9464")
    assert (first.roles, first.bus, first.connections, first.state) == (
        ["connections", "jobs"],
        False,
        7,
        "serving",
    )
    heard[0] = True
    node.drain()

    async def drains() -> bool:
        now = await record_of(store, "n1")
        return (
            now is not None
            and now.state == "draining"
            and now.bus is True
            and now.beat > first.beat
        )

    await until(drains)
    await node.stop()
    assert await raw_records(store) == []


async def test_a_restart_on_the_same_folder_removes_the_record_of_the_killed_process() -> None:
    store = MemoryStore()
    for name, place in (("killed", "/data"), ("elsewhere", "/other")):
        other = presentation(store, name, place)
        other.start("", "")
        await until(lambda name=name: record_of(store, name))  # type: ignore[misc]
        record = await store.get(SPACE, name)
        await other.stop()
        assert record is not None
        await store.put(SPACE, name, record)
    node = presentation(store, "new")
    node.start("", "")
    await until(lambda: record_of(store, "new"))
    assert [key for key, _ in await raw_records(store)] == ["elsewhere", "new"]
    await node.stop()


async def test_a_silent_record_is_forgotten_and_a_changing_one_is_kept() -> None:
    store, now = MemoryStore(), [0.0]
    for name in ("dead", "alive"):
        await store.put(SPACE, name, msgspec.json.encode(NodeRecord(node=name, place=name)))
    node = presentation(store, "n1", ticks=lambda: now[0])
    node.start("", "")
    for beat in range(2, 1000):
        await store.put(SPACE, "alive", msgspec.json.encode(NodeRecord(node="alive", beat=beat)))
        now[0] += FORGET_SECONDS / 10
        await asyncio.sleep(5 * BEAT)
        if await store.get(SPACE, "dead") is None:
            break
    assert [key for key, _ in await raw_records(store)] == ["alive", "n1"]
    await node.stop()


async def test_a_store_that_is_away_is_reported_and_the_record_is_written_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, failures = MemoryStore(), list[StoreUnavailable]()
    whole = store.put

    async def away(space: str, key: str, value: bytes) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(store, "put", away)
    node = presentation(store, "n1", on_failure=failures.append)
    node.start("", "")
    await until(lambda: len(failures) > 2)
    monkeypatch.setattr(store, "put", whole)
    await until(lambda: record_of(store, "n1"))
    await node.stop()


async def test_a_node_whose_clock_is_wrong_lives_and_one_that_is_silent_does_not() -> None:
    store = MemoryStore()
    old = NodeRecord(node="silent", at="2020-01-01T00:00:00.000Z")
    await store.put(SPACE, "silent", msgspec.json.encode(old))
    await store.put(SPACE, "broken", b"{")

    async def skewed() -> None:
        for beat in range(10_000):
            record = NodeRecord(node="skewed", at="2031-01-01T00:00:00.000Z", beat=beat)
            await store.put(SPACE, "skewed", msgspec.json.encode(record))
            await asyncio.sleep(BEAT)

    task = asyncio.create_task(skewed())
    await until(lambda: record_of(store, "skewed"))
    found = {node.node: node.alive for node in await nodes(store, wait=1.0)}
    task.cancel()
    assert found == {"broken": False, "silent": False, "skewed": True}
