"""The real `chatserver` as a process of its own: start, kill, stop, and look at it from outside."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx
import psutil

from tests.forking import Forked, ran
from tests.servers import PATIENT_MS, free_port

START_SECONDS = 60
PASSWORD = "correct horse"
PLUGINS = Path(__file__).parent / "plugins"  # those that are broken on purpose

# Hashing is not what is tried here, and hundreds of accounts are made.
CHEAP_ACCOUNTS = {
    "plugin.password.memory_kib": 8,
    "plugin.password.passes": 1,
    "limits.registrations_per_hour": 0,
}

STORES = ("mongo", "postgres", "sqlite")
# No limit of the server's own ends what a machine that stands still for seconds keeps waiting.
PATIENT: dict[str, object] = {
    "delivery.append_seconds": PATIENT_MS / 1000,
    "plugins.deadline_seconds": PATIENT_MS / 1000,
    **{f"plugin.{store}.timeout_ms": PATIENT_MS for store in STORES},
}
# The limits that a server has where nobody changes them, for trials of a store that does not answer.
SHIPPED: dict[str, object] = {key.replace(".", "__"): None for key in PATIENT}

# One for all: making a client costs 30 ms. Connections are not kept, as servers are killed.
http = httpx.Client(verify=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


class ChatServer:
    """One server on loopback, with data and logs in `folder`. It can be started again after its end."""

    def __init__(
        self,
        folder: Path,
        *,
        store: str = "mongo",
        workers: int = 1,
        within: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        """Settings by their key, with `__` for the dot: `limits__auth_seconds=1`. None: as it is shipped.

        `within` is a command that becomes the server, once it has changed what is around it.
        """
        self._workers = workers
        self.folder = folder
        self._within = [*within]
        self._environment = os.environ | (environment or {})
        self.port = free_port()
        given = {key.replace("__", "."): value for key, value in settings.items()}
        wanted = {
            "plugins.enabled": f"{store},password,metrics",
            "logging.folder": str(folder / "logs"),
            "logging.console": "off",
            "server.drain_seconds": 0.2,
            **CHEAP_ACCOUNTS,
            **PATIENT,
            **given,
        }
        self._settings = {key: value for key, value in wanted.items() if value is not None}
        self._process: psutil.Popen | Forked | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def change(self, key: str, value: object) -> None:
        """Change a setting, from the next start on."""
        self._settings[key] = value

    def command(self, *arguments: str) -> str:
        """The output of a command of chatserver with this server's settings."""
        options = [f"--set={key}={value}" for key, value in self._settings.items()]
        data = f"--set=server.data={self.folder / 'data'}"
        return ran(*arguments, data, *options, check=True).stdout

    def start(self) -> None:
        """Returns when it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = [f"--set={key}={value}" for key, value in self._settings.items()]
        where = ["--port", str(self.port), "--data", str(self.folder / "data")]
        where += ["--workers", str(self._workers)]
        with (self.folder / "console.log").open("ab") as console:
            self._process = self._begin(["chatserver", "serve", *where, *options], console)
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            assert self._process.poll() is None, (self.folder / "console.log").read_text()
            assert time.monotonic() < deadline, "the server did not get ready"
            time.sleep(0.02)

    def _begin(self, module: list[str], console: BinaryIO) -> psutil.Popen | Forked:
        """Run a module, with its arguments."""
        return psutil.Popen(
            [*self._within, sys.executable, "-m", *module],
            stdout=console,
            stderr=console,
            cwd=self.folder,
            env=self._environment,
        )

    def is_ready(self) -> bool:
        try:
            return http.get(self.url + "/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def process(self) -> psutil.Popen | Forked:
        assert self._process is not None
        return self._process

    def mongod(self) -> psutil.Process:
        """The private mongod that it started."""
        return next(child for child in self.process.children() if child.name() == "mongod")

    def kill(self) -> None:
        """End it as a crash does; its mongod, if it has one, ends in order behind it."""
        if self._process is None or self._process.poll() is not None:
            return
        children = self._process.children()
        self._process.kill()
        self._process.wait()
        psutil.wait_procs(children, timeout=30)

    def kill_all(self) -> None:
        """End it and its mongod at once, as a power cut does."""
        processes = [self.process, *self.process.children()]
        for process in processes:
            process.send_signal(signal.SIGSTOP)  # so that none sees another one die
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)

    def stop(self) -> int:
        """End it in order; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status: int = self.process.wait(60)
        return status

    # -- looking at it --------------------------------------------------------------------------

    def memory(self) -> int:
        """Bytes in RAM."""
        size: int = self.process.memory_info().rss
        return size

    def errors(self) -> list[dict[str, Any]]:
        """The entries of its log at error level."""
        time.sleep(0.1)  # the log is written by a thread of its own
        text = (self.folder / "logs/error.log").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's values with these labels; 0 if there is none."""
        text = http.get(self.url + "/metrics").text
        total = 0.0
        for line in text.splitlines():
            found = re.fullmatch(r"([a-z0-9_]+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name:
                pairs = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                if labels.items() <= pairs.items():
                    total += float(found[3])
        return total

    # -- as a client ----------------------------------------------------------------------------

    def register(self, username: str) -> str:
        """Make an account; its token."""
        account = {"username": username, "password": PASSWORD}
        answer = http.post(self.url + "/api/v1/register", json=account)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["token"]
        return token

    def login(self, username: str) -> str:
        """Sign in again; the new token."""
        answer = http.post(
            self.url + "/api/v1/login", json={"username": username, "password": PASSWORD}
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token

    def post(self, path: str, token: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = http.post(self.url + path, json=body or {}, headers=headers)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str, token: str) -> httpx.Response:
        return http.get(self.url + path, headers={"Authorization": f"Bearer {token}"})

    def room(self, token: str, name: str = "room", *members: str) -> str:
        """Make a public room that these tokens' users are in; its id."""
        room: str = self.post("/api/v1/rooms", token, {"name": name, "kind": "public"})["id"]
        for member in members:
            self.post(f"/api/v1/rooms/{room}/join", member)
        return room

    def log(self, room: str, token: str) -> list[dict[str, Any]]:
        """All events of a room; empty if the room no longer exists."""
        headers = {"Authorization": f"Bearer {token}"}
        events: list[dict[str, Any]] = []
        while True:
            query = f"/api/v1/rooms/{room}/events?after={len(events)}&limit=1000"
            answer = http.get(self.url + query, headers=headers)
            if answer.status_code in (401, 404):
                return []
            answer.raise_for_status()
            page = answer.json()["events"]
            if not page:
                return events
            events += page


class ForkedServer(ChatServer):
    """One that begins as a fork (tests/forking.py), for tests of what is beside it: a third of the processor time."""

    def _begin(self, module: list[str], console: BinaryIO) -> psutil.Popen | Forked:
        with Path(os.devnull).open("rb") as nothing:
            return Forked(module, [nothing, console, console], self.folder, self._environment)
