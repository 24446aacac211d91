"""A machine of its own for a proxy: a network with ports 80 and 443, and private /etc, /var and /run.

So the files of deploy/ are installed where docs/proxies.md puts them, and run unchanged. Two namespaces
make it; nothing is left of them when their one process ends.
"""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

import psutil

from tests import tools

T = TypeVar("T")
HOST = "chat.example.org"
OUTSIDE = "198.51.100.0/24"  # RFC 5737: addresses of clients from outside, all of them on loopback
CLONE_NEWNET = 0x40000000  # linux/sched.h

_SET_UP = f"""
set -e
ip link set lo up
ip addr add {OUTSIDE} dev lo
for address in 2001:db8:1::1 2001:db8:1::2 2001:db8:2::1; do ip addr add $address/128 dev lo nodad; done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var
mkdir -p /run/etc /run/haproxy /run/lock
mkdir -p /var/log/nginx /var/lib/nginx /var/lib/haproxy /var/lib/caddy /var/www/html /var/tmp
cp -a /etc/. /run/etc/
mount --bind /run/etc /etc
echo '127.0.0.1 localhost {HOST} acme.example.org' > /etc/hosts
rm -rf /etc/letsencrypt /etc/caddy
mkdir -p /etc/letsencrypt /etc/caddy /etc/haproxy/certs
echo ready
exec cat
"""


class Machine:
    """A context manager. `call` runs a function in the machine's network, `run` a program also in its files."""

    def __enter__(self) -> Self:
        tools.need_root()
        command = ["unshare", "--net", "--mount", "sh", "-c", _SET_UP]
        # It ends with us, as then its input does.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        # One thread for all: a server that asked for it ends with the thread that started it.
        self._threads = ThreadPoolExecutor(1, initializer=self._enter)
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown()
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.communicate()

    def _network(self) -> int:
        return Path(f"/proc/{self._process.pid}/ns/net").stat().st_ino

    def _processes(self) -> list[psutil.Process]:
        """All that run in the machine's network, whoever started them; and it alone has that network."""
        network = self._network()
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError):  # it has ended, or is none of ours
                if Path(f"/proc/{process.pid}/ns/net").stat().st_ino == network:
                    found.append(process)
        return found

    def _enter(self) -> None:
        """Take the calling thread, and those that it will start, into the machine's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/proc/{self._process.pid}/ns/net").open() as network:
            if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """The result of the function, called in the machine's network."""
        if Path("/proc/thread-self/ns/net").stat().st_ino == self._network():
            return function(*arguments)  # its own thread, or one that it started
        return self._threads.submit(function, *arguments).result()

    @property
    def network(self) -> list[str]:
        """A command that becomes the one behind it, in the machine's network."""
        return ["nsenter", "-t", str(self._process.pid), "--net", "--"]

    @property
    def inside(self) -> list[str]:
        """The same, with the machine's files."""
        return ["nsenter", "-t", str(self._process.pid), "--net", "--mount", "--"]

    def path(self, path: str) -> Path:
        """A file of the machine, as it is reached from outside."""
        return Path(f"/proc/{self._process.pid}/root{path}")

    def install(self, source: Path, path: str, changes: Mapping[str, str] | None = None) -> None:
        """Copy a file of deploy/ to `path`, with some of its text replaced."""
        text = source.read_text()
        for old, new in (changes or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        self.path(path).write_text(text)
        self.path(path).chmod(source.stat().st_mode & 0o777)

    def start(
        self, command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A program that goes on running; what it prints goes to `output`."""
        with output.open("ab") as file:
            return subprocess.Popen(
                [*self.inside, *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=os.environ | (environment or {}),
            )

    def run(
        self, *command: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The outcome of a program, whatever its exit status."""
        return subprocess.run(
            [*self.inside, *command],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | (environment or {}),
        )
