"""Programs in node that use the packed client, installed without a network into an empty folder."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.proxy import Proxy
from tests.protocol.running import Person

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS = 60.0  # on a machine that is busy
LINE_BYTES = 16 * 2**20
NODE = ("node", "--experimental-websocket")  # which newer ones have by themselves


def installed(folder: Path) -> Path:
    """A folder of a program with the client. Skips where there is no npm, but fails where CI is set."""
    if shutil.which("npm") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("npm is not installed")
    packed = folder / "packed"
    _run(str(ROOT / "deploy/pack-client"), str(packed))
    (archive,) = packed.glob("chatserver-client-*.tgz")
    program = folder / "program"
    program.mkdir()
    _run("npm", "install", "--offline", "--no-audit", "--no-fund", str(archive), cwd=program)
    return program


def _run(*command: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Told(Exception):
    """What a program was told by an exception: its properties."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error
        self.code: str | None = error.get("code")


class Program:
    """A program that does with the client what it is asked for."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    async def listen(self) -> None:
        """Hand out its answers, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            waiting = self._answers.pop(answer["number"])
            if waiting.cancelled():
                continue
            if "error" in answer:
                waiting.set_exception(Told(answer["error"]))
            else:
                waiting.set_result(answer["ok"])

    def ask(self, name: str, *given: Any) -> "asyncio.Future[Any]":
        """What it answers; raises `Told`."""
        assert self._process.stdin is not None
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"number": self._number, "name": name, "given": given})
        self._process.stdin.write(line.encode() + b"\n")
        return answer

    async def do(self, name: str, *given: Any) -> Any:
        return await asyncio.wait_for(self.ask(name, *given), SECONDS)

    async def take(self, count: int, *kinds: str) -> list[Any]:
        """The next events of the kinds, by default messages; at the end of all events "end"."""
        found: list[Any] = await self.do("take", count, kinds or ["message.posted"])
        return found


@asynccontextmanager
async def program(folder: Path) -> AsyncIterator[Program]:
    """A program that is not connected yet."""
    script = folder / "driver.mjs"
    if not script.exists():
        shutil.copy(HERE / script.name, script)
    async with running(folder, script) as process:
        made = Program(process)
        listening = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            listening.cancel()


@asynccontextmanager
async def running(
    folder: Path, script: Path, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A script in the folder of a program, until it is ended."""
    process = await asyncio.create_subprocess_exec(
        *NODE,
        "--no-warnings",
        str(script),
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def connected(
    folder: Path, person: Person, address: "str | Proxy", **options: Any
) -> AsyncIterator[Program]:
    """A program that is signed in at an address, or through a proxy."""
    url = address if isinstance(address, str) else f"http://127.0.0.1:{address.port}"
    async with program(folder) as made:
        await made.do("connect", {"url": url, "token": person.token, **options})
        yield made
