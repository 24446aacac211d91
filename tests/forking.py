"""Runs `python -m chatserver` in a fork of a process that has imported the whole server already.

Starting Python and importing what a command needs takes half a second of processor time, which a fork does not: it is
as much a process of its own, with its working directory, environment, streams, signals and exit status. Tests of the
start itself and of terminals use `subprocess`, and so do those of a server's memory, faults and restarts: a fork shares
its memory with others, and a restart finds another program.

    done = ran("check", "--connect", cwd=folder)
    done = ran("-q", "test_mutant.py", module="pytest", cwd=folder)
    server = Forked(["chatserver", "serve"], [nothing, log, log], folder, os.environ)

This file is also the program that forks. Each request comes over a connection of its own and is answered there: with
the number of the process at once, with its exit status and processor time at its end.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import psutil

import chatserver
import chatserver_plugins
from chatserver.web.pages import StaticFiles

ROOT = Path(__file__).parents[1]
UNWANTED = "chatserver.testing"  # pytest rewrites its assertions when it imports it
LINE_BYTES = 1 << 20  # of a request; an environment is far smaller
seconds = 0.0  # of processor time, of those that have ended


class Forked:
    """A process of that kind, as `psutil.Popen` is one of the other. Its streams are given, and stay the caller's."""

    def __init__(
        self, command: Sequence[str], streams: Sequence[BinaryIO], cwd: Path, env: Mapping[str, str]
    ) -> None:
        """`command` is the name of a module and its arguments; `streams` are the three standard ones."""
        self.command = command
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(_forker()))
        self._answers = self._line.makefile("rb")
        request = {"command": [*command], "cwd": str(cwd), "env": dict(env)}
        socket.send_fds(self._line, [b"\n"], [each.fileno() for each in streams])
        self._line.sendall(json.dumps(request).encode() + b"\n")
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        """The status, once it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The status with which it ended; raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        global seconds
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.command, timeout or 0)
            end = json.loads(self._answers.readline())
            self._answers.close()
            self._line.close()
            seconds += end["seconds"]
            self.returncode = end["status"]
        return self.returncode

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children()


def ran(
    *arguments: object,
    module: str = "chatserver",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str = "",
    timeout: float = 300.0,
    check: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Run `python -m chatserver` with these arguments, as `subprocess.run` with captured text does."""
    command = [module, *map(str, arguments)]
    with ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(input.encode())
        streams[0].seek(0)
        fork = Forked(command, streams, cwd or Path.cwd(), os.environ if env is None else env)
        try:
            status = fork.wait(timeout)
        except BaseException:
            fork.kill()
            fork.wait()
            raise
        done = subprocess.CompletedProcess(command, status, *map(_text, streams[1:]))
    if check:
        done.check_returncode()
    return done


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def _forker() -> Path:
    """The address at which this process's forker listens."""
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    address = Path(folder.name, "at")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forking", str(address)], cwd=ROOT, stdin=subprocess.PIPE
    )

    def end() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    while not address.exists():
        assert process.poll() is None, "the process that forks has ended"
        time.sleep(0.01)
    return address


# -- the process that forks ------------------------------------------------------------------------


def main(address: str) -> None:
    """Take requests until standard input ends, which it does with the process of tests."""
    importlib.import_module("pytest")
    importlib.import_module("hypothesis")
    for package in (chatserver, chatserver_plugins):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(UNWANTED) and not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    StaticFiles("", debug=False)  # joins the page, which forks find joined
    gc.collect()
    gc.freeze()  # so that no fork copies it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen(100)
    Path(f"{address}.new").rename(address)  # only now can it be connected to
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            keep(line)
        line.close()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def keep(line: socket.socket) -> NoReturn:
    """Become the parent of the process that is asked for; say its number, and how it ended."""
    _, streams, _, _ = socket.recv_fds(line, 1, 3)
    with line.makefile("rb") as lines:
        request = json.loads(lines.readline(LINE_BYTES))
    pid = os.fork()
    if pid == 0:
        line.close()
        become(request, streams)
    for each in streams:
        os.close(each)
    with suppress(BrokenPipeError):  # nobody may care any more
        line.sendall(b"%d\n" % pid)
        _, status, usage = os.wait4(pid, 0)
        end = {
            "status": os.waitstatus_to_exitcode(status),
            "seconds": usage.ru_utime + usage.ru_stime,
        }
        line.sendall(json.dumps(end).encode() + b"\n")
    os._exit(0)


def become(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be what `python -m` would be."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    path = request["env"].get("PYTHONPATH", "")
    sys.path[:1] = [request["cwd"], *filter(None, path.split(os.pathsep))]
    sys.argv = request["command"]
    sys.orig_argv = [sys.executable, "-m", *sys.argv]
    if sys.argv[0] == "pytest":  # which complains of plugins of its own that were imported before
        os.environ["PYTEST_ADDOPTS"] = "-W ignore::pytest.PytestAssertRewriteWarning"
    status: Any = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status or 0))  # taking all modules down takes as long as a command


if __name__ == "__main__":
    main(sys.argv[1])
