"""How long a start takes: python -m tests.bench.starting [--write].

From the command until `/health/ready` answers, with the plugins that are on by default and SQLite in place of MongoDB,
which is another program's start; and `chatserver --help`. Python keeps the compiled code of the start before, as it does
for whoever installs the server: a first one has been made, and is not counted.
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click

from tests.bench import machine, tables
from tests.servers import free_port

STARTS = 10
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.002
ENABLED = "+sqlite,-mongo"
HEAD = ("a start", "ms, median", "shortest / longest", "ms of processor")
COMMAND = (sys.executable, "-m", "chatserver")


def environment() -> dict[str, str]:
    """This process's own, in which Python keeps the code that it has compiled."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def server(data: Path) -> Iterator[int]:
    """A server that is ready; yields its process id."""
    port = free_port()
    options = ("--port", str(port), "--data", str(data), "--set", f"plugins.enabled={ENABLED}")
    process = subprocess.Popen(
        [*COMMAND, "serve", *options],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=machine.use_server_core,
    )
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not is_ready(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server does not get ready")
            time.sleep(LOOK_SECONDS)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def start(data: Path) -> tuple[float, float]:
    """Start a server with this data folder; returns the seconds until it was ready, and those of the processor."""
    began = time.perf_counter()
    with server(data) as pid:
        return time.perf_counter() - began, machine.cpu_seconds(pid)


def show_help() -> tuple[float, float]:
    """The seconds that `chatserver --help` takes, and those of the processor."""
    began, before = time.perf_counter(), os.times()
    command = [*COMMAND, "--help"]
    subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system
    return time.perf_counter() - began, used - before.children_user - before.children_system


def cells(title: str, once: Callable[[int], tuple[float, float]]) -> tuple[str, ...]:
    """A line of the table: `once` with the number of each start."""
    once(-1)
    found = [once(number) for number in range(STARTS)]
    seconds, used = zip(*found, strict=True)
    least, most = min(seconds) * 1e3, max(seconds) * 1e3
    return (
        title,
        f"{median(seconds) * 1e3:.0f}",
        f"{least:.0f} / {most:.0f}",
        f"{median(used) * 1e3:.0f}",
    )


@click.command()
@click.option("--write", is_flag=True, help="Put the figures into docs/benchmarks.md.")
def main(write: bool) -> None:
    """Measure how long a server takes until it is ready, and the command line until it has said what it can do."""
    machine.use_client_core()
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        folder = Path(name)
        for found in (
            cells("a new data folder", lambda number: start(folder / f"new{number}")),
            cells("the data folder of the start before", lambda number: start(folder / "kept")),
            cells("`chatserver --help`", lambda number: show_help()),
        ):
            print(*found, sep=" | ", flush=True)
            if write:
                tables.put("starting", HEAD, found)


if __name__ == "__main__":
    main()
