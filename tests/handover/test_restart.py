"""A restart under traffic: nobody is refused, nothing is lost, and new code is in effect."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.faults import checker
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE
from tests.handover.replaced import (
    FAILS_AT_START,
    WAITS_AT_START,
    Answer,
    Replaced,
    Visitors,
    is_alive,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.long

SMALL = SCALE._replace(clients=12, rooms=4, rate=100)
RESTARTS = 3
STORES = ["sqlite", "mongo_alone", "shared"]
SETTINGS: dict[str, Any] = {
    "limits__operations_per_second": 100_000,
    "server__drain_seconds": 1,
}
INCOMING = "**/disk_blobs/incoming/*"
CONTENT = secrets.token_bytes(3_000_000)


@pytest.fixture(params=STORES)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a server: its store is for one process, or it can be shared."""
    if request.param == "shared":
        shared: dict[str, Any] = request.getfixturevalue("on_mongo")
        return SETTINGS | shared
    store = "sqlite" if request.param == "sqlite" else "mongo"
    return SETTINGS | {"plugins__enabled": f"{store},password,metrics"}


async def settled(fleet: Fleet) -> list[str]:
    """What went wrong for clients of WebSockets, once all is settled: lost, doubled, refused, out of order."""
    await fleet.settled()
    logs = await fleet.logs()
    found = checker.check(fleet.history.operations, logs, fleet.heard())
    for client in fleet.clients:
        found += [f"{client.name} was told {told}" for told in client.complaints]
        found += [f"{client.name} was refused: {status}" for status in client.refusals]
    return found


async def test_restarts_are_not_noticed(tmp_path: Path, settings: dict[str, Any]) -> None:
    with Replaced(tmp_path, **settings) as server:
        async with Fleet(server, SMALL, 1) as fleet:
            visitors = Visitors(server.url, fleet.clients[0].token)
            async with fleet.traffic(), visitors.asking():
                pids = [server.owner]
                for number in range(RESTARTS):
                    server.write(f"{number + 2}")
                    before = len(fleet.history.acknowledged())
                    pids.append(await asyncio.to_thread(server.replace))
                    assert await asyncio.to_thread(server.edition) == f"{number + 2}"
                    while len(fleet.history.acknowledged()) < before + 20:
                        await asyncio.sleep(0.05)
            assert visitors.faults == []
            assert visitors.answered > 20 * RESTARTS
            assert await settled(fleet) == []
            assert all(client.connections > RESTARTS for client in fleet.clients)
        assert len(set(pids)) == RESTARTS + 1
        notes = ["running.json", "control.sock", "restart.sock"]
        assert [name for name in notes if not (tmp_path / "data" / name).exists()] == []
        assert server.command("plugins", "reload", "edition") == "edition is on\n"
        assert server.errors() == []
        assert [each.pid for each in server.processes() if is_alive(each)] == [pids[-1]]


async def upload(server: Replaced, token: str, halfway: asyncio.Event) -> httpx.Response:
    """Send a file whose second half waits for `halfway`."""
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}

    async def parts() -> AsyncIterator[bytes]:
        middle = len(CONTENT) // 2
        yield CONTENT[:middle]
        await halfway.wait()
        yield CONTENT[middle:]

    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
        size = {"Upload-Length": str(len(CONTENT))}
        made = await client.post("/api/v1/uploads", headers=size)
        assert made.status_code == 201, made.text
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        sent = await client.patch(made.headers["location"], headers=kind, content=parts())
        assert sent.status_code == 204, sent.text
        path = made.headers["location"].replace("/uploads/", "/files/")
        return await client.get(path)


async def test_an_upload_under_way_is_finished_by_the_old_process(
    tmp_path: Path, on_mongo: dict[str, Any]
) -> None:
    plugins = f"{on_mongo['plugins__enabled']},disk_blobs,uploads"
    with Replaced(tmp_path, **SETTINGS | on_mongo | {"plugins__enabled": plugins}) as server:
        halfway = asyncio.Event()
        token = await asyncio.to_thread(server.register, "ada")
        sending = asyncio.create_task(upload(server, token, halfway))
        old = psutil.Process(server.owner)
        incoming = tmp_path / "data/disk_blobs/incoming"
        await asyncio.to_thread(wait_until, lambda: [*incoming.glob("*")])
        server.write("2")
        answer = await asyncio.to_thread(server.restart)
        editions = [await asyncio.to_thread(server.edition) for _ in range(20)]
        assert editions == ["2"] * 20, "the old one takes no further connections"
        assert old.is_running()
        old.send_signal(signal.SIGUSR2)  # for one that leaves it means nothing
        log = tmp_path / "logs/combined.log"
        await asyncio.to_thread(wait_until, lambda: "a restart is under way" in log.read_text())
        halfway.set()
        assert (await sending).content == CONTENT
        assert server.owner == answer.pid
        await asyncio.to_thread(server.has_ended, old)
        assert [each.pid for each in server.processes() if is_alive(each)] == [answer.pid]


@pytest.mark.parametrize("workers", [1, 2])
async def test_another_server_can_start_if_the_new_process_crashes_while_the_old_one_leaves(
    tmp_path: Path, on_mongo: dict[str, Any], workers: int
) -> None:
    plugins = f"{on_mongo['plugins__enabled']},disk_blobs,uploads"
    settings = SETTINGS | on_mongo | {"plugins__enabled": plugins, "workers": workers}
    with Replaced(tmp_path, **settings) as server:
        halfway = asyncio.Event()
        token = await asyncio.to_thread(server.register, "ada")
        sending = asyncio.create_task(upload(server, token, halfway))
        old = server.process
        await asyncio.to_thread(wait_until, lambda: [*(tmp_path / "data").glob(INCOMING)])
        answer = await asyncio.to_thread(server.restart)
        await asyncio.to_thread(wait_until, lambda: server.owner == answer.pid)
        crashed = psutil.Process(answer.pid)
        processes = [crashed, *crashed.children()]
        crashed.kill()
        await asyncio.to_thread(wait_until, lambda: not any(map(is_alive, processes)))
        await asyncio.to_thread(wait_until, lambda: refuses(server.port))
        await asyncio.to_thread(server.start)
        assert is_alive(old)
        assert server.owner == server.process.pid
        halfway.set()
        assert (await sending).content == CONTENT
        await asyncio.to_thread(old.wait, 60)


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("hook", ["", FAILS_AT_START], ids=["cannot be loaded", "cannot start"])
async def test_if_the_new_code_is_broken_the_old_goes_on(
    tmp_path: Path, settings: dict[str, Any], hook: str
) -> None:
    with Replaced(tmp_path, **settings) as server:
        async with Fleet(server, SMALL, 1) as fleet:
            visitors = Visitors(server.url, fleet.clients[0].token)
            async with fleet.traffic(), visitors.asking():
                old = server.owner
                if hook:
                    server.write("2", hook)
                else:
                    (tmp_path / "local/edition.py").write_text("import nothing_of_this_name")
                answer = await asyncio.to_thread(server.restart)
                wanted = "the coffee is out" if hook else "nothing_of_this_name"
                assert wanted in answer.why
                assert "plugin edition" in answer.why
                assert (answer.before, answer.pid, server.owner) == (old, 0, old)
                await asyncio.to_thread(wait_until, lambda: server.edition() == "1")
            assert visitors.faults == []
            assert await settled(fleet) == []
        wait_until(server.errors)
        (error,) = server.errors()
        assert error["message"].startswith(f"not restarted, process {old} goes on: ")
        assert wanted in error["message"]
        server.write("3")
        server.replace()
        assert server.edition() == "3"


def test_a_configuration_that_is_wrong_by_now_is_named(tmp_path: Path) -> None:
    with Replaced(tmp_path) as server:
        old = server.owner
        (tmp_path / "local/other.py").write_text("")
        (tmp_path / "local/password.py").write_text("")
        assert "an installed plugin is named 'password' too" in server.restart().why
        assert (server.owner, server.edition()) == (old, "1")


def test_a_store_in_memory_is_not_replaced(tmp_path: Path) -> None:
    with Replaced(tmp_path, plugins__enabled="memory,password,metrics") as server:
        token = server.register("ada")
        assert server.restart() == Answer(
            server.owner, why="its store keeps nothing: a new process would start empty"
        )
        assert server.get("/api/v1/me", token).status_code == 200


def test_a_signal_does_the_same(tmp_path: Path) -> None:
    with Replaced(tmp_path) as server:
        server.write("2")
        old = psutil.Process(server.owner)
        old.send_signal(signal.SIGUSR2)
        server.has_ended(old)
        wait_until(lambda: server.edition() == "2")
        assert server.owner != old.pid


def test_a_signal_before_it_serves_does_not_end_a_server(tmp_path: Path) -> None:
    pipe = tmp_path / "chat.toml"
    os.mkfifo(pipe)
    given = ["--config", str(pipe), "--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "chatserver", "serve", *given],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        with pipe.open("w") as configuration:  # it reads now
            process.send_signal(signal.SIGUSR2)
            configuration.write("[plugins]\nenabled = ['memory', 'password']\n")
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if " serves http://" in line:
                process.terminate()
        assert process.wait(60) == 0, lines


def test_a_server_that_is_told_to_stop_ends_the_one_that_starts(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with Replaced(tmp_path, **settings) as server:
        hook = f"""@chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        import asyncio, pathlib
        pathlib.Path({str(tmp_path / "starting")!r}).write_text("")
        await asyncio.sleep(3600)
"""
        server.write("2", hook)
        server.process.send_signal(signal.SIGUSR2)
        wait_until((tmp_path / "starting").exists)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        wait_until(lambda: not [each for each in server.processes() if is_alive(each)])


def test_a_loop_of_the_standard_library_takes_over_the_port(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    without = tmp_path / "without"
    without.mkdir()
    (without / "uvloop.py").write_text("raise ImportError")
    where = {"PYTHONPATH": str(without)}
    with Replaced(tmp_path, environment=where, **settings) as server:
        for number in (2, 3):
            server.write(f"{number}")
            server.replace()
            assert [server.edition() for _ in range(3)] == [f"{number}"] * 3


def test_if_the_new_process_is_told_to_stop_the_old_goes_on(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with Replaced(tmp_path, **settings) as server, ThreadPoolExecutor() as threads:
        old = server.owner
        server.write("2", WAITS_AT_START.format(folder=str(tmp_path)))
        restart = threads.submit(server.restart)
        wait_until((tmp_path / "starting").exists)
        new = psutil.Process(int((tmp_path / "starting").read_text()))
        new.terminate()
        (tmp_path / "go").write_text("")
        assert restart.result() == Answer(old, why="the new process was told to stop")
        wait_until(lambda: server.is_ready() and server.edition() == "1")
        assert server.owner == old
        server.write("3")
        server.replace()
        assert server.edition() == "3"


def test_the_new_process_ends_with_the_old_one_until_it_serves(
    tmp_path: Path, on_mongo: dict[str, Any]
) -> None:
    with Replaced(tmp_path, **SETTINGS | on_mongo) as server:
        hook = f"""@chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        import asyncio, pathlib
        pathlib.Path({str(tmp_path / "starting")!r}).write_text("")
        while not pathlib.Path({str(tmp_path / "go")!r}).exists():
            await asyncio.sleep(0.05)
"""
        server.write("2", hook)
        server.process.send_signal(signal.SIGUSR2)
        wait_until((tmp_path / "starting").exists)
        server.process.kill()
        server.process.wait()
        (tmp_path / "go").write_text("")
        wait_until(lambda: not [each for each in server.processes() if is_alive(each)])


def test_the_first_process_of_a_container_is_not_replaced(tmp_path: Path) -> None:
    """It is in a namespace of its own, as a container's are."""
    within = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*within, "true"], capture_output=True).returncode != 0:
        pytest.skip("no namespaces for processes here")
    with Replaced(tmp_path, within=within) as server:
        answer = server.restart()
        assert answer.before == 1
        assert answer.why.startswith("the container would end with this process")
        assert server.edition() == "1"


def test_systemd_is_told_who_serves(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        where = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with Replaced(tmp_path / "server", environment=where) as server:
            assert manager.recv(1000) == b"READY=1"
            pid = server.replace()
            assert manager.recv(1000).decode() == f"MAINPID={pid}\nREADY=1"
            assert manager.recv(1000) == b"READY=1"
            psutil.Process(pid).terminate()
            assert manager.recv(1000) == b"STOPPING=1"


def test_a_command_without_a_server_says_so(tmp_path: Path) -> None:
    server = Replaced(tmp_path)
    with pytest.raises(AssertionError, match="no server runs on"):
        server.restart()
