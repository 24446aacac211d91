"""The store keeps the contract of all stores, and servers run on it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import lmdb
import pytest
from chatserver_lmdb_store import Plugin

from chatserver import StartupError, Store, StoreUnavailable
from chatserver.testing.durable import DurableContract
from chatserver.testing.logcontract import write
from chatserver.testing.running import running
from chatserver.testing.samples import posted
from chatserver.testing.silence import SilenceContract, Silenced
from chatserver.testing.stores import MakeStore, StoreContract

PATIENT_MS = 60_000  # for machines with much else to do

# Another process that holds the lock of writers until it is told to end.
HOLDER = """
import sys, lmdb
with lmdb.open(sys.argv[1], max_dbs=20).begin(write=True):
    print("held", flush=True)
    sys.stdin.read()
"""


def store_in(path: Path, timeout_ms: int = PATIENT_MS) -> Store:
    return Plugin(Plugin.Config(timeout_ms=timeout_ms), path).provide_store()


class TestContract(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return lambda: store_in(tmp_path)


class TestOnDisk(DurableContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return lambda: store_in(tmp_path)

    @pytest.fixture
    def program(self, tmp_path: Path) -> str:
        return f"""
from pathlib import Path
from chatserver_lmdb_store import Plugin
make = Plugin(Plugin.Config(), Path({str(tmp_path)!r})).provide_store
"""


class TestInSilence(SilenceContract):
    @pytest.fixture
    def silenced(self, tmp_path: Path) -> Silenced:
        @asynccontextmanager
        async def silenced() -> AsyncIterator[Store]:
            store = store_in(tmp_path, Plugin.Config().timeout_ms)
            await store.open()
            command = [sys.executable, "-c", HOLDER, str(tmp_path / "lmdb_store")]
            holder = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert holder.stdout is not None and await holder.stdout.readline() == b"held\n"
            try:
                yield store
            finally:
                await holder.communicate(b"")  # ends it
                await store.close()

        return silenced


async def test_two_processes_write_the_same_log(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    await store.open()
    source = f"""
import asyncio
from pathlib import Path
from chatserver.testing.logcontract import write
from chatserver_lmdb_store import Plugin

async def main():
    store = Plugin(Plugin.Config(), Path({str(tmp_path)!r})).provide_store()
    await store.open()
    await write(store, "u2", 60)
    await store.close()

asyncio.run(main())
"""
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", source)
    await write(store, "u1", 60)
    assert await other.wait() == 0
    events = await store.read("r", 0, 200)
    await store.close()
    assert [event.seq for event in events] == list(range(1, 121))


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    await store.open()
    await store.close()
    with lmdb.open(str(tmp_path / "lmdb_store"), max_dbs=20) as env:
        meta = env.open_db(b"meta")
        with env.begin(write=True) as txn:
            txn.put(b"version", b"2", db=meta)
    for refuse in (store.open, store.plan, store.open_to_read):
        with pytest.raises(StartupError, match="has version 2, this plugin knows version 1"):
            await refuse()


async def test_a_full_map_is_an_error_and_reads_go_on(tmp_path: Path) -> None:
    config = Plugin.Config(map_gib=1, timeout_ms=PATIENT_MS)
    store = Plugin(config, tmp_path).provide_store()
    await store.open()
    await store.append([posted("r", 1)])
    with pytest.raises(StoreUnavailable):
        for number in range(40):
            await store.put("large", str(number), bytes(32 << 20))
    assert await store.read("r", 0, 9) == [posted("r", 1)]
    await store.close()


def test_a_server_runs_on_it_and_removes_messages(tmp_path: Path) -> None:
    settings = {"plugin.lmdb_store.path": str(tmp_path / "chat")}

    async def talk() -> None:
        async with running(store="lmdb_store", settings=settings) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            await ada.post(room, "Hello")
            secret = await ada.post(room, "the secret word")
            await chat.service.messages.edit(ada.user, room, secret.id, "another secret word")
            assert await chat.service.messages.purge(ada.user, room, secret.id) == 2
        async with running(store="lmdb_store", settings=settings) as chat:
            room = await chat.service.rooms.get(room.id)
            page = await chat.service.history.page(ada.user, room)
            assert [message.body for message in page.messages] == ["Hello", ""]
            log = await chat.service.history.events(ada.user, room, 0)
            assert all("secret" not in repr(event) for event in log.events)

    asyncio.run(talk())
