"""A private mongod: a replica set of one member in the data folder, kept alive, with a password.

Its port stays the same unless another process takes it. `mongod.pid` notes the running process, so that a
server can stop the mongod of one that was killed.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import subprocess
import time
from pathlib import Path

from chatserver import StartupError, StoreUnavailable
from chatserver_plugins.mongo import mongod
from chatserver_plugins.mongo.access import USER, Access
from chatserver_plugins.mongo.driver import Database

START_SECONDS = 60  # a killed mongod replays its journal first
TIMEOUT_MS = 2000
WATCH_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0  # between attempts to start a mongod that ends at once
HEALTHY_SECONDS = 10.0
USER_EXISTS = 51003  # the code of an error

logger = logging.getLogger("chatserver.mongo")


class PrivateMongod:
    """Starts, watches and stops the mongod. Makes `folder` if it is missing."""

    def __init__(self, folder: Path, program: str = "") -> None:
        self.folder = self._folder = folder.absolute()
        self._dbpath = self._folder / "db"
        self._program = program
        self._note = self._folder / "mongod.pid"
        self._access = Access(self._folder)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running mongod, or of the last one; None before the first."""
        return self._process.pid if self._process else None

    async def start(self) -> str:
        """Start the mongod. Returns its address once it accepts writes. Raises `StartupError`."""
        programs = mongod.find_all(self._program)
        try:
            self._dbpath.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartupError(f"plugin.mongo: {self._dbpath}: {error.strerror}") from error
        self._access.make()
        pid, port = self._noted()
        if mongod.running(pid, self._dbpath):
            logger.info("stopping mongod %s, which an earlier server left", pid)
            await asyncio.to_thread(mongod.end, pid, self._dbpath)
        self._port = port if _free(port) else _free_port()
        process = await self._started(programs)
        self._watch = asyncio.create_task(self._keep_alive(process))
        address = self._access.address(self._host, mongod.REPLICA_SET)
        try:
            self._access.note_address(address)
        except OSError as error:
            logger.error("cannot write the address of mongod: %s", error.strerror)
        return address

    async def _started(self, programs: list[str]) -> "subprocess.Popen[bytes]":
        """Start the first program that can use the data; it then accepts writes. Raises `StartupError`."""
        for number, program in enumerate(programs, 1):
            self._program = program
            process = self._spawn()
            try:
                await self._become_primary(process)
            except StartupError:
                if process.returncode != mongod.NEEDS_ANOTHER_VERSION or number == len(programs):
                    raise
                logger.warning("the version of %s cannot use this data", program)
            else:
                break
        return process

    def running(self) -> str | None:
        """The address of the mongod that runs on this folder; None without one."""
        pid, port = self._noted()
        if not mongod.running(pid, self._dbpath):
            return None
        return self._access.address(f"127.0.0.1:{port}", mongod.REPLICA_SET)

    def is_new(self) -> bool:
        """Whether no mongod has ever run on this folder."""
        return not self._dbpath.exists()

    async def stop(self) -> None:
        """Stop the mongod. Never raises."""
        if self._watch:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, mongod.STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("mongod did not stop within %s s: killed", mongod.STOP_SECONDS)
            self._process.kill()
            self._process.wait()

    @property
    def _host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def _noted(self) -> tuple[int, int]:
        """The process id and port of the last mongod on this folder, or zeros."""
        try:
            pid, port = self._note.read_text().split()
            return int(pid), int(port)
        except (OSError, ValueError):
            return 0, 0

    def _command(self) -> list[str]:
        key_file = self._access.key_file
        return mongod.arguments(self._program, self._folder, self._port, key_file)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        process = mongod.spawn(self._command())
        self._process = process
        try:
            temporary = self._note.with_suffix(".new")
            temporary.write_text(f"{process.pid} {self._port}\n")
            temporary.replace(self._note)
        except OSError as error:  # such as a full disk; only the next server needs the file
            logger.error("cannot write %s: %s", self._note, error.strerror)
        return process

    async def _become_primary(self, process: "subprocess.Popen[bytes]") -> None:
        admin = Database(self._access.system(self._host), "admin", "pymongo", TIMEOUT_MS)
        try:
            await self._wait_for_primary(process, admin)
            await self._make_account(admin)
        finally:
            await admin.close()

    async def _wait_for_primary(self, process: "subprocess.Popen[bytes]", admin: Database) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise StartupError(self._why_it_ended(process.returncode))
            with contextlib.suppress(StoreUnavailable):
                if await self._is_primary(admin):
                    return
            await asyncio.sleep(0.05)
        raise StartupError(f"mongod did not get ready in {START_SECONDS} s")

    def _why_it_ended(self, status: int) -> str:
        if status == mongod.NEEDS_ANOTHER_VERSION:
            return (
                f"plugin.mongo: {self._program} cannot use the data in {self._dbpath}, which a mongod of "
                "another major version has written: use that version (plugin.mongo.mongod), or "
                "upgrade one major version at a time"
            )
        return f"mongod ended at once, see the end of {self._folder / 'mongod.log'}"

    async def _make_account(self, admin: Database) -> None:
        """Make the account, or set its password to the one in the file. Raises `StartupError`."""
        account = self._access.account()
        there = await admin.command({"usersInfo": USER})
        if [user.get("customData") for user in there["users"]] == [account["customData"]]:
            return
        made = await admin.ask({"createUser": USER, **account})
        if not made["ok"] and made.get("code") == USER_EXISTS:
            made = await admin.ask({"updateUser": USER, **account})
        if not made["ok"]:
            raise StartupError(
                f"plugin.mongo: mongod refuses to make the account: {made.get('errmsg')}"
            )

    async def _is_primary(self, admin: Database) -> bool:
        hello = await admin.command({"hello": 1})
        if hello.get("isWritablePrimary") and hello.get("me") == self._host:
            return True
        members = [{"_id": 0, "host": self._host}]
        answer = await admin.ask({"replSetGetConfig": 1})
        if not answer["ok"]:
            config = {"_id": mongod.REPLICA_SET, "members": members}
            await admin.ask({"replSetInitiate": config})
        elif answer["config"]["members"][0]["host"] != self._host:  # the port has changed
            config = answer["config"] | {"members": members}
            await admin.ask({"replSetReconfig": config, "force": True})
        return False

    async def _keep_alive(self, process: "subprocess.Popen[bytes]") -> None:
        pause = WATCH_SECONDS
        started = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if process.poll() is None:
                continue
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = WATCH_SECONDS
            logger.error(
                "mongod ended with status %s: starting it again (see %s)",
                process.returncode,
                self._folder / "mongod.log",
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            started = time.monotonic()
            try:
                process = self._spawn()
            except OSError as error:  # no memory or too many processes: retry later
                logger.error("mongod cannot be started: %s", error.strerror)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return port > 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
