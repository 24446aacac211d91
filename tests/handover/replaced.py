"""A server whose process is replaced by another, and what clients see of it meanwhile."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil

from tests.faults.server import ChatServer, http
from tests.waiting import wait_until

PLUGIN = """
import chatserver

class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    {hook}

    @chatserver.hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        async def show(request: chatserver.Request) -> chatserver.Reply:
            return chatserver.Reply(body=b"{version}")

        return [chatserver.Route(path="/edition", get=show)]
"""
FAILS_AT_START = """@chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        raise RuntimeError("the coffee is out")
"""
WAITS_AT_START = """@chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        import asyncio, os, pathlib
        folder = pathlib.Path({folder!r})
        if context.worker < 2:
            mine = folder / f"starting.{{os.getpid()}}"
            mine.write_text(str(os.getpid()))
            mine.rename(folder / "starting")
        while not (folder / "go").exists():
            await asyncio.sleep(0.05)
"""


class Answer(msgspec.Struct, frozen=True):
    """What `chatserver restart --json` prints."""

    before: int
    pid: int = 0
    why: str = ""


class Replaced(ChatServer):
    """A server with a plugin of its own, `edition`, that can be replaced while it runs."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        plugins = settings.pop("plugins__enabled", "sqlite,password,metrics")
        super().__init__(
            folder,
            **settings,
            plugins__enabled=f"{plugins},edition",
            plugins__folder=str(folder / "local"),
        )
        (folder / "local").mkdir(parents=True)
        self.write("1")

    def write(self, version: str, hook: str = "") -> None:
        """Put another version of the plugin's code on the disk."""
        text = PLUGIN.format(version=version, hook=hook)
        (self.folder / "local/edition.py").write_text(text)

    def edition(self) -> str:
        """The version of the plugin's code that is in effect."""
        return http.get(self.url + "/edition").text

    @property
    def owner(self) -> int:
        """The id of the process that has the data folder; 0 while it writes it there."""
        return int((self.folder / "data/lock").read_text() or 0)

    def restart(self) -> Answer:
        """`chatserver restart`; its answer."""
        options = [f"--set={key}={value}" for key, value in self._settings.items()]
        command = [sys.executable, "-m", "chatserver", "restart", "--json", *options]
        run = subprocess.run(
            [*command, f"--set=server.data={self.folder / 'data'}"],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
        )
        assert run.stdout, run.stderr
        answer = msgspec.json.decode(run.stdout, type=Answer)
        assert run.returncode == (1 if answer.why else 0)
        return answer

    def replace(self) -> int:
        """Restart; the id of the new process, once it has the folder and the old one has ended."""
        old = psutil.Process(self.owner)
        answer = self.restart()
        assert (answer.before, answer.why) == (old.pid, "")
        wait_until(lambda: self.owner == answer.pid)
        self.has_ended(old)
        return answer.pid

    def has_ended(self, process: psutil.Process) -> None:
        """Wait for the end of a process, which may be our child."""
        if process.pid == self.process.pid and isinstance(self.process, psutil.Popen):
            assert self.process.wait(60) == 0
        else:
            wait_until(lambda: not process.is_running())

    def processes(self) -> list[psutil.Process]:
        """All processes of the server, old and new ones."""
        given = f"--port {self.port} "
        found = []
        for each in psutil.process_iter():
            try:
                if given in " ".join(each.cmdline()) + " " and each.pid != os.getpid():
                    found.append(each)
            except psutil.Error:
                continue
        return found

    def kill(self) -> None:
        for each in self.processes():
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue
        if self._process is not None:
            self._process.wait(60)
        wait_until(lambda: not [each for each in self.processes() if is_alive(each)])

    def memory(self) -> int:
        size: int = psutil.Process(self.owner).memory_info().rss
        return size


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Visitors:
    """HTTP clients that ask all the time, on connections of their own and on kept ones."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self.answered = 0
        self.faults: list[str] = []

    @asynccontextmanager
    async def asking(self, count: int = 3) -> AsyncIterator[None]:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._ask(stop, number)) for number in range(2 * count)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _ask(self, stop: asyncio.Event, number: int) -> None:
        paths = ("/api/v1/rooms", "/edition", "/health/ready", "/api/v1/me")
        kept = None if number % 2 else 0  # every other one keeps its connection
        limits = httpx.Limits(max_keepalive_connections=kept)
        headers = {"Authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(limits=limits, headers=headers, timeout=60) as client:
            while not stop.is_set():
                path = paths[self.answered % len(paths)]
                try:
                    answer = await client.get(self._url + path)
                except httpx.TransportError as error:
                    self.faults.append(f"{path}: {error!r}")
                    continue
                self.answered += 1
                if answer.status_code != 200:
                    self.faults.append(f"{path}: {answer.status_code} {answer.text}")
                await asyncio.sleep(0.005)
