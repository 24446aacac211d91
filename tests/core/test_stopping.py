"""A server ends when it is told to, and an error that repeats fills no log."""

import asyncio
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from loguru import logger

from chatserver.logging import Intercept
from chatserver.logging.repeated import KINDS, Repeated
from chatserver.process.stopping import LoopErrors, Stop
from chatserver.web import accepting
from tests.faults.server import ChatServer
from tests.waiting import until


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """Errors that were logged, each with its traceback."""
    found: list[str] = []
    sink = logger.add(lambda text: found.append(str(text)), level="ERROR", format="{message}")
    yield found
    logger.remove(sink)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_repeated_error_is_logged_once_a_minute_with_its_count(errors: list[str]) -> None:
    clock = Clock()
    reports = Repeated(60.0, clock)
    for _ in range(190_000):
        reports.error("kind", "it failed")
    reports.error("other", "it failed too")
    assert [text.strip() for text in errors] == ["it failed", "it failed too"]
    clock.now = 60.0
    for _ in range(5):
        reports.error("kind", "it failed")
    assert errors[2].strip() == "it failed (189999 more times since the last message)"
    assert len(errors) == 3


def test_the_number_of_remembered_errors_is_bounded(errors: list[str]) -> None:
    reports = Repeated(60.0, Clock())
    for number in range(3 * KINDS):
        reports.error(str(number), "new")
    assert len(reports._logged) == KINDS and len(errors) == 3 * KINDS


async def test_a_callback_that_fails_each_turn_is_logged_once_and_the_loop_goes_on(
    errors: list[str],
) -> None:
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    LoopErrors().watch()
    left = 500

    def fail() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(fail)
        raise MemoryError("none left")

    try:
        loop.call_soon(fail)
        while left:
            await asyncio.sleep(0)
        loop.call_exception_handler({"message": "without an exception"})
    finally:
        loop.set_exception_handler(before)
    assert len(errors) == 2
    assert "none left" in errors[0] and "Traceback" in errors[0]
    assert errors[1].strip() == "without an exception"


def test_repeated_errors_of_dependencies_are_logged_once_a_minute(errors: list[str]) -> None:
    clock = Clock()
    intercept = Intercept()
    intercept._repeats = Repeated(60.0, clock)
    log = logging.getLogger("tests.dependency")
    log.addHandler(intercept)
    log.propagate = False

    def fail(kind: type[Exception]) -> None:
        try:
            raise kind("for want of something")
        except kind:
            log.exception("Exception in callback %s", object())

    try:
        for _ in range(1000):
            fail(MemoryError)
        fail(OSError)
        clock.now = 61.0
        fail(MemoryError)
        for _ in range(3):
            log.error("without a traceback")
    finally:
        log.removeHandler(intercept)
    heads = [text.splitlines()[0] for text in errors]
    assert len(heads) == 6 and heads[2].endswith("(999 more times since the last message)")


def test_an_error_that_cannot_be_logged_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = LoopErrors()

    def no_memory(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reports._reports, "error", no_memory)
    loop = asyncio.new_event_loop()
    reports.handle(loop, {"message": "x"})
    loop.close()


async def test_a_stop_that_finds_no_memory_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms: list[int] = []
    monkeypatch.setattr(signal, "alarm", alarms.append)
    stop = Stop(1.5)
    tried, real = [], stop._event.set

    def fails_once() -> None:
        tried.append(stop._ballast)
        if len(tried) == 1:
            raise MemoryError
        real()

    monkeypatch.setattr(stop._event, "set", fails_once)
    stop.now()
    async with asyncio.timeout(60):
        await stop.wait()
    assert tried == [None, None], "the ballast is given back first"
    assert alarms == [2]
    stop.ended()
    assert alarms == [2, 0]


def test_a_process_that_does_not_end_is_killed() -> None:
    script = """
        import asyncio, signal, time
        from chatserver.process.stopping import Stop
        async def main():
            stop = Stop(0.5)
            stop.watch([signal.SIGTERM])
            print("ready", flush=True)
            await stop.wait()
            while True:
                time.sleep(1)
        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(60) == -signal.SIGALRM


FAILING = """
import asyncio
import chatserver

class Plugin:
    def __init__(self, config):
        pass

    @chatserver.hookimpl
    async def startup(self, context):
        loop = asyncio.get_running_loop()
        def fail():
            loop.call_later(0.0005, fail)
            raise MemoryError
        fail_soon = loop.call_soon(fail)
"""


def test_a_server_whose_loop_fails_all_the_time_logs_little_and_ends(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "failing.py").write_text(FAILING)
    server = ChatServer(
        tmp_path / "server",
        store="memory,failing",
        plugins__folder=str(tmp_path / "plugins"),
    )
    with server:
        token = server.register("anna")
        for _ in range(50):
            assert server.get("/api/v1/me", token).status_code == 200
        assert len(server.errors()) == 1
        assert server.stop() == 0


def test_the_soft_limit_of_open_files_is_raised_and_few_are_warned_of(tmp_path: Path) -> None:
    low = ["prlimit", "--nofile=128:600"]
    with ChatServer(tmp_path / "server", store="memory", within=low) as server:
        limit: tuple[int, int] = psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert limit == (600, 600)
        lines = (tmp_path / "server/logs/combined.log").read_text().splitlines()
        (warning,) = [line for line in lines if "at most 600 files" in line]
        assert "limits.connections" in warning and '"level":"warning"' in warning


def test_more_clients_than_descriptors_fill_no_log_and_are_forgotten(tmp_path: Path) -> None:
    low = ["prlimit", "--nofile=300:300"]
    settings = {"limits__header_seconds": 60, "within": low}
    with ChatServer(tmp_path / "server", store="memory", **settings) as server:  # type: ignore[arg-type]
        token = server.register("anna")
        clients = []
        for _ in range(600):
            client = socket.create_connection(("127.0.0.1", server.port))
            client.sendall(b"GET ")
            clients.append(client)
        before = server.process.cpu_times()
        time.sleep(1)  # the time over which its work is measured
        after = server.process.cpu_times()
        assert after.user + after.system - before.user - before.system < 0.7, "it spins"
        for client in clients:
            client.close()
        deadline = time.monotonic() + 60
        while not server.is_ready():
            assert time.monotonic() < deadline
        assert server.get("/api/v1/me", token).status_code == 200
        lines = (tmp_path / "server/logs/combined.log").read_text().splitlines()
        assert len(lines) < 50
        assert server.stop() == 0


class Exhausted:
    """A listening socket that cannot accept for a while."""

    def __init__(self, real: socket.socket, times: int) -> None:
        self.real, self.times, self.asked = real, times, 0

    def fileno(self) -> int:
        return self.real.fileno()

    def accept(self) -> object:
        self.asked += 1
        if self.asked <= self.times:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.real.accept()


async def test_accepting_goes_on_when_there_is_memory_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.01)
    taken: asyncio.Queue[socket.socket] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    real_add, tried = loop.add_reader, 0

    def add(fd: int, callback: Callable[[], None]) -> None:
        nonlocal tried
        tried += 1
        if tried <= 3:
            raise MemoryError
        real_add(fd, callback)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        with monkeypatch.context() as starving:
            starving.setattr(loop, "add_reader", add)
            stop = accepting.accept(listener, lambda found, address: taken.put_nowait(found))
            await until(lambda: tried >= 4)
        with socket.create_connection(listener.getsockname()):
            async with asyncio.timeout(60):
                (await taken.get()).close()
        stop()


async def test_accepting_pauses_where_nothing_can_be_accepted(
    errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(accepting, "_reports", Repeated())
    taken: asyncio.Queue[socket.socket] = asyncio.Queue()
    with socket.create_server(("127.0.0.1", 0)) as real:
        real.setblocking(False)
        listener = Exhausted(real, 3)
        stop = accepting.accept(listener, lambda found, address: taken.put_nowait(found))  # type: ignore[arg-type]
        with socket.create_connection(real.getsockname()):
            async with asyncio.timeout(60):
                (await taken.get()).close()
        assert listener.asked <= 5  # three times in vain, once well, once for the next
        stop()
        stop()
    (error,) = errors
    assert "no connection can be accepted" in error and "Too many open files" in error
