"""Workers under traffic: rolled one by one, and replaced with their parent by new ones."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from chatserver.process.line_socket import ask_line
from tests.faults.fleet import Fleet
from tests.handover.replaced import (
    FAILS_AT_START,
    WAITS_AT_START,
    Answer,
    Replaced,
    Visitors,
    is_alive,
)
from tests.handover.test_restart import SETTINGS, SMALL, settled
from tests.waiting import wait_until

pytestmark = pytest.mark.long

WORKERS = 2


class Several(Replaced):
    """A server of two workers."""

    def __init__(self, folder: Path, on_mongo: dict[str, Any]) -> None:
        super().__init__(folder, workers=WORKERS, **SETTINGS | on_mongo)

    def children(self) -> list[psutil.Process]:
        return [each for each in psutil.Process(self.owner).children() if is_alive(each)]

    def all_serve(self) -> None:
        wait_until(lambda: self.metric("chatserver_worker_up") == WORKERS)

    def roll(self, worker: psutil.Process) -> None:
        """End one worker in order; returns when another serves in its place."""
        worker.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_alive(worker))
        wait_until(lambda: len(self.children()) == WORKERS)
        self.all_serve()

    def are_found(self) -> None:
        """Commands find each worker, and the configuration that it runs with."""
        for number in range(1, WORKERS + 1):
            folder = self.folder / f"data/worker-{number}"
            wait_until(lambda folder=folder: ask_line(folder / "control.sock", b"{}"))
            assert (folder / "running.json").exists()

    def editions(self) -> set[str]:
        """The versions of the plugin's code that are in effect, on connections spread by the kernel."""
        return {self.edition() for _ in range(30)}


async def test_workers_are_rolled_without_being_noticed(
    tmp_path: Path, on_mongo: dict[str, Any]
) -> None:
    with Several(tmp_path, on_mongo) as server:
        server.all_serve()
        async with Fleet(server, SMALL, 1) as fleet:
            visitors = Visitors(server.url, fleet.clients[0].token)
            async with fleet.traffic(), visitors.asking():
                server.write("2")
                for worker in await asyncio.to_thread(server.children):
                    await asyncio.to_thread(server.roll, worker)
                assert await asyncio.to_thread(server.editions) == {"2"}
            assert visitors.faults == []
            assert visitors.answered > 100
            assert await settled(fleet) == []
        assert server.errors() == []


async def test_all_workers_and_their_parent_are_replaced_without_being_noticed(
    tmp_path: Path, on_mongo: dict[str, Any]
) -> None:
    with Several(tmp_path, on_mongo) as server:
        server.all_serve()
        async with Fleet(server, SMALL, 1) as fleet:
            visitors = Visitors(server.url, fleet.clients[0].token)
            async with fleet.traffic(), visitors.asking():
                seen = {server.owner, *(each.pid for each in server.children())}
                for number in (2, 3):
                    server.write(f"{number}")
                    await asyncio.to_thread(server.replace)
                    assert await asyncio.to_thread(server.editions) == {f"{number}"}
                    new = {server.owner, *(each.pid for each in server.children())}
                    assert len(new) == 1 + WORKERS
                    assert not seen & new
                    seen |= new
            assert visitors.faults == []
            assert await settled(fleet) == []
        assert server.errors() == []
        assert len([each for each in server.processes() if is_alive(each)]) == 1 + WORKERS


def test_if_the_new_parent_is_told_to_stop_the_old_ones_go_on(
    tmp_path: Path, on_mongo: dict[str, Any]
) -> None:
    with Several(tmp_path, on_mongo) as server, ThreadPoolExecutor() as threads:
        server.all_serve()
        before = [server.owner, *(each.pid for each in server.children())]
        server.write("2", WAITS_AT_START.format(folder=str(tmp_path)))
        restart = threads.submit(server.restart)
        wait_until((tmp_path / "starting").exists)
        parent = psutil.Process(int((tmp_path / "starting").read_text())).parent()
        assert parent is not None
        parent.terminate()
        (tmp_path / "go").write_text("")
        assert restart.result() == Answer(before[0], why="the new process was told to stop")
        assert [server.owner, *(each.pid for each in server.children())] == before
        assert server.editions() == {"1"}


REFUSES_LATER = """@chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        import asyncio, pathlib
        if context.worker == 2:
            while not pathlib.Path({go!r}).exists():
                await asyncio.sleep(0.05)
            raise RuntimeError("the coffee is out")
"""


def test_commands_find_the_old_workers_if_only_some_new_ones_could_start(
    tmp_path: Path, on_mongo: dict[str, Any]
) -> None:
    go = tmp_path / "go"
    with Several(tmp_path, on_mongo) as server, ThreadPoolExecutor() as threads:
        server.all_serve()
        server.are_found()
        server.write("2", REFUSES_LATER.format(go=str(go)))
        restart = threads.submit(server.restart)
        wait_until(lambda: server.edition() == "2")
        server.are_found()
        go.write_text("")
        assert "the coffee is out" in restart.result().why
        wait_until(lambda: server.editions() == {"1"})
        server.are_found()
        server.write("3")
        server.replace()
        wait_until(lambda: server.editions() == {"3"})
        server.are_found()


async def test_if_a_new_worker_cannot_start_the_old_ones_go_on(
    tmp_path: Path, on_mongo: dict[str, Any]
) -> None:
    with Several(tmp_path, on_mongo) as server:
        server.all_serve()
        async with Fleet(server, SMALL, 1) as fleet:
            visitors = Visitors(server.url, fleet.clients[0].token)
            async with fleet.traffic(), visitors.asking():
                before = [server.owner, *(each.pid for each in server.children())]
                server.write("2", FAILS_AT_START)
                answer = await asyncio.to_thread(server.restart)
                assert "the coffee is out" in answer.why
                assert [server.owner, *(each.pid for each in server.children())] == before
                assert await asyncio.to_thread(server.editions) == {"1"}
            assert visitors.faults == []
            assert await settled(fleet) == []
        server.write("3")
        server.replace()
        assert server.editions() == {"3"}
