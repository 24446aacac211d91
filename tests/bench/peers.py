"""The servers that are measured, as processes of their own, and their users and rooms."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.bench import machine
from tests.bench.http import Connection
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
SETTLE_SECONDS, SETTLED_CORES = 120, 0.1  # eight nodes at rest take less
START_SECONDS = 30
STOP_SECONDS = 30
PREPARING = 8  # connections that register users and make rooms


class Peer(Protocol):
    """One server under load. All speak the part of `chat.v1` that the load uses."""

    name: str
    port: int
    pid: int

    async def wait_until_ready(self) -> None: ...

    async def users(self, count: int) -> list[str]:
        """Their session tokens."""

    async def rooms(self, members: Sequence[Sequence[str]]) -> list[str]:
        """One room for each list of tokens; returns their ids."""

    def start(self) -> None:
        """Start again after `stop`, with the stored data. The constructor has started it before."""

    def stop(self) -> None: ...


class Program:
    """A server process on its own core."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        port: int,
        ready: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port
        self._environment = dict(environment or {})
        self._command = command
        self._ready = ready
        self._folder = folder
        self.start()

    def start(self) -> None:
        self._output = (self._folder / "output.txt").open("ab")
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            preexec_fn=machine.use_server_core,
        )
        self.pid = self._process.pid

    async def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                async with Connection.opened(self.port) as connection:
                    if (await connection.request("GET", self._ready)).status == 200:
                        return
            except OSError:
                await asyncio.sleep(0.05)
        self.stop()
        raise RuntimeError("the server did not start:\n" + self.output())

    def output(self) -> str:
        return (self._folder / "output.txt").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()


class Chatserver(Program):
    """`chatserver serve` with its defaults, but for what is set here."""

    name = "chatserver"
    settings = {
        # Only so that 500 users are made in a second; passwords are not what is measured.
        "plugin.password.memory_kib": "8",
        "plugin.password.passes": "1",
        "server.drain_seconds": "0",
        # All requests come from one address, and one user reads thousands of pages a second.
        "limits.registrations_per_hour": "0",
        "limits.anonymous_per_second": "0",
        "limits.operations_per_second": "1000000",
        "limits.operations_burst": "1000000",
    }

    def __init__(
        self,
        folder: Path,
        store: dict[str, str],
        *,
        graphql: bool = False,
        workers: int = 1,
        vault: bool = False,
    ) -> None:
        """`store` holds the settings that choose the store, and a bus if there are several workers."""
        port = free_port()
        settings = self.settings | store
        for name in ["graphql"] * graphql + ["vault"] * vault:
            enabled = settings.get("plugins.enabled")
            if enabled and not enabled.startswith("+"):
                settings["plugins.enabled"] = f"{enabled},{name}"
            else:
                settings["plugins.enabled"] = f"{enabled},+{name}" if enabled else f"+{name}"
        if vault:
            settings["plugin.vault.key"] = secrets.token_hex(32)
        command = [
            sys.executable,
            "-m",
            "chatserver",
            "serve",
            "--port",
            str(port),
            "--data",
            "data",
            "--workers",
            str(workers),
        ]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        super().__init__(command, folder, port, "/health/ready")
        self._ids: dict[str, str] = {}

    async def users(self, count: int) -> list[str]:
        async def register(connection: Connection, number: int) -> str:
            given = {"username": f"user{number}", "password": f"correct horse {number}"}
            made = (await connection.request("POST", "/api/v1/register", given)).json(201)
            self._ids[made["token"]] = made["user"]["id"]
            return str(made["token"])

        return await self._each(register, range(count))

    async def rooms(self, members: Sequence[Sequence[str]]) -> list[str]:
        async def make(connection: Connection, number: int) -> str:
            owner, *others = members[number]
            given = {"name": f"room {number}", "members": [self._ids[other] for other in others]}
            reply = await connection.request("POST", "/api/v1/rooms", given, owner)
            return str(reply.json(201)["id"])

        made = await self._each(make, range(len(members)))
        await self._settled()
        return made

    async def _settled(self) -> None:
        """Wait until the server has done what follows from all this, such as the index of people."""
        for _ in range(SETTLE_SECONDS):
            before = machine.family_seconds(self.pid)
            await asyncio.sleep(1.0)
            if machine.family_seconds(self.pid) - before < SETTLED_CORES:
                return
        raise RuntimeError("the server does not come to rest")

    async def _each(
        self, make: Callable[[Connection, int], Awaitable[str]], numbers: range
    ) -> list[str]:
        """The results of `make` for each number, in order, over a few connections."""

        async def work(part: range) -> list[str]:
            async with Connection.opened(self.port) as connection:
                return [await make(connection, number) for number in part]

        parts = [numbers[start::PREPARING] for start in range(PREPARING)]
        made = await asyncio.gather(*map(work, parts))
        return [made[number % PREPARING][number // PREPARING] for number in numbers]


class Demo(Program):
    """A server without accounts: a token is the name of a user, and who knows the id of a room may use it."""

    async def users(self, count: int) -> list[str]:
        return [f"user{number}" for number in range(count)]

    async def rooms(self, members: Sequence[Sequence[str]]) -> list[str]:
        made = [f"room{number}" for number in range(len(members))]
        async with Connection.opened(self.port) as connection:
            for room, users in zip(made, members, strict=True):
                given = {"name": room, "members": list(users)}
                (await connection.request("POST", "/api/v1/rooms", given)).json(201)
        return made


class Plain(Demo):
    """The plain Tornado way: see plain.py, plain_graphql.py. `concern` is its write concern."""

    def __init__(
        self, folder: Path, uri: str, database: str, concern: str = "w1", *, graphql: bool = False
    ) -> None:
        self.name = f"plain {concern}"
        port = free_port()
        arguments = [str(port), uri, database, concern]
        module = "plain_graphql" if graphql else "plain"
        super().__init__(
            [sys.executable, "-m", f"tests.bench.{module}", *arguments], folder, port, "/ready"
        )


class Bare(Demo):
    """The least in Python: see bare.py."""

    def __init__(self, folder: Path, *, durable: bool, processes: int = 1) -> None:
        self.name = "bare durable" if durable else "bare"
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.bare", str(port), str(folder / "chat.db")]
        command += [*["durable"] * durable, str(processes)]
        super().__init__(command, folder, port, "/ready")
