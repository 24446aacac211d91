"""The machine under measurement: which core runs what, and figures of processes from /proc."""

import os
import platform
import resource
import subprocess
from pathlib import Path

import motor
import psutil
import pymongo
import tornado

SERVER_CORE = 0
CLIENT_CORE = 1  # the load and the database; so the server has a core for itself
OPEN_FILES = 20_000

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process with all its threads, in steps of 10 ms."""
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name before ")" may hold blanks
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def family_seconds(pid: int) -> float:
    """Processor time of a process and of its children, those that have ended too."""
    process = psutil.Process(pid)
    ended = process.cpu_times()
    alive = sum(cpu_seconds(child.pid) for child in process.children())
    return cpu_seconds(pid) + ended.children_user + ended.children_system + alive


def busy_seconds() -> float:
    """Processor time of everything on the machine, and what the host took from it (steal)."""
    # https://man7.org/linux/man-pages/man5/proc_stat.5.html: user nice system idle iowait irq …
    ticks = [int(value) for value in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICK


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def family_bytes(pid: int) -> int:
    """Memory of a process and its children; what they share is counted once (PSS)."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(int(each.memory_full_info().pss) for each in family)


def use_client_core() -> None:
    """Pin this process, and with it the database that it starts."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {CLIENT_CORE})


def use_server_core() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})


def allow_open_files() -> None:
    """Thousands of connections take as many descriptors, here and in the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def describe(mongod: str) -> dict[str, str]:
    """The hardware and software that the figures depend on, without anything that identifies the machine."""
    version = subprocess.run([mongod, "--version"], capture_output=True, text=True, check=True)
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "tornado": tornado.version,
        "motor": motor.version,
        "pymongo": pymongo.version,
        "mongod": version.stdout.partition("\n")[0].removeprefix("db version v"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
