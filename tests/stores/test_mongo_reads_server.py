"""Reads over connections of the plugin's own, of a real mongod: what the driver finds, and faults of the server."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chatserver import MemberJoined, StoreUnavailable
from chatserver.testing.samples import TRICKY_TEXTS, described, joined, posted
from chatserver_plugins.mongo import MongoStore, driver, pause, pool
from tests.servers import Mongod
from tests.stores.test_mongo_line_server import CODES, failing, opened, until

pytestmark = pytest.mark.long


async def opened_for_reads(store: MongoStore) -> None:
    """Have a connection open."""
    await store.get("none", "none")
    await until(lambda: bool(store._reads._pool._idle))


@contextmanager
def without_driver(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reads that go through the driver fail."""

    async def refuse(*given: Any, **named: Any) -> None:
        pytest.fail("a read through the driver")

    with monkeypatch.context() as patched:
        patched.setattr(store._database, "find", refuse)
        patched.setattr(store._database, "aggregate", refuse)
        yield


KEYS = [f"{n:05}" for n in range(3000)]
READS: dict[str, Callable[[MongoStore], Awaitable[Any]]] = {
    "get": lambda store: store.get("many", KEYS[7]),
    "get none": lambda store: store.get("many", "none"),
    "get_many": lambda store: store.get_many("many", [*KEYS, "none"]),
    "scan": lambda store: store.scan("many", "00", limit=2500),
    "scan one": lambda store: store.scan("many", "0000", "00003", limit=1),
    "spaces": lambda store: store.spaces(),
    "read": lambda store: store.read("r", 3, 5000),
    "ranges": lambda store: store.ranges([("r", 3), ("s", 0), ("none", 0)], 7),
    "shown": lambda store: store.shown([("r", 3), ("s", 0)], 7),
    "messages": lambda store: store.messages("r", None, 50),
    "pages": lambda store: store.pages([("r", 30), ("s", None)], 5),
    "posted": lambda store: store.posted([("r", 4), ("s", 9)]),
    "heads": lambda store: store.heads(["r", "s", "none"]),
    "repeats": lambda store: store.repeats([("u1", posted("r", 4).client_id), ("u1", "none")]),
    "rooms": lambda store: store.rooms(["r", "s"]),
    "public_rooms": lambda store: store.public_rooms("", 10),
    "list_rooms": lambda store: store.list_rooms("", 10),
    "members": lambda store: store.members(["r"]),
    "members of two": lambda store: store.members(["r", "s"]),
    "members_after": lambda store: store.members_after("r", "u5", 10),
    "memberships": lambda store: store.memberships("u7"),
    "unread": lambda store: store.unread("u9", {"r": 2, "s": 1}),
}


def in_order(found: Any) -> Any:
    """Members come in any order."""
    is_members = isinstance(found, list) and any(isinstance(each, MemberJoined) for each in found)
    return sorted(found, key=lambda each: (each.room, each.seq)) if is_members else found


async def fill(store: MongoStore) -> None:
    await store.put_many("many", {f"{n:05}": str(n).encode() for n in range(3000)})
    await store.put("tricky", TRICKY_TEXTS[0] or "x", bytes(range(256)))
    await store.append([described("r", 1), described("s", 1)])
    await store.append([joined("r", seq, f"u{seq}") for seq in range(2, 1602)])
    await store.append([posted("s", seq, body="\0".join(TRICKY_TEXTS)) for seq in range(2, 30)])
    await store.append([posted("r", seq) for seq in range(1602, 1700)])


@pytest.mark.parametrize("kind", ["motor", "pymongo"])
async def test_both_ways_find_the_same_and_one_uses_no_driver(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    async with opened(replica_set.uri, driver=kind) as store:
        await fill(store)
        name = store._database.name
        async with opened(replica_set.uri, driver=kind, line="driver", database=name) as through:
            await opened_for_reads(store)
            for read in READS.values():
                wanted = in_order(await read(through))
                with without_driver(store, monkeypatch):
                    assert in_order(await read(store)) == wanted
            assert not through._reads._pool._open


@pytest.mark.parametrize(
    "fault",
    [
        *({"errorCode": code} for code in CODES if code != driver.TIME_LIMIT),
        {"closeConnection": True},
    ],
    ids=str,
)
async def test_a_fault_costs_no_read(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 0.0)
    async with opened(replica_set.uri) as store:
        await store.put_many("many", dict.fromkeys(KEYS, b"1"))
        for commands in ("find", "getMore"):
            await opened_for_reads(store)
            with failing(replica_set, commands, **fault):
                assert len(await store.scan("many", "", limit=5000)) == len(KEYS)
        await store.append([posted("r", 1)])
        await opened_for_reads(store)
        with failing(replica_set, "aggregate", **fault):
            assert await store.unread("u9", {"r": 0}) == {"r": (1, 0)}
        await opened_for_reads(store)
        with without_driver(store, monkeypatch):
            assert await store.get("many", KEYS[0]) == b"1"


async def test_a_slow_read_is_given_up(io_loop: Any, replica_set: Mongod) -> None:
    async with opened(replica_set.uri, timeout_ms=500) as store:
        await store.put("one", "a", b"1")
        await opened_for_reads(store)
        block = {"blockConnection": True, "blockTimeMS": 1500}
        with failing(replica_set, "find", **block), pytest.raises(StoreUnavailable):
            await store.get("one", "a")
        assert await store.get("one", "a") == b"1"


async def test_many_reads_share_few_connections(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(replica_set.uri) as store:
        await store.put_many("many", {key: key.encode() for key in KEYS})
        await opened_for_reads(store)
        with without_driver(store, monkeypatch):
            found = await asyncio.gather(*(store.get("many", key) for key in KEYS))
        assert found == [key.encode() for key in KEYS]
        assert len(store._reads._pool._idle) == len(store._reads._pool._open) <= pool.MOST
