"""Versions, memory, processors, disks and limits of this machine; no name and no path."""

import os
import platform
import re
import resource
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from chatserver.version import __version__

DISTRIBUTION = "pluggable-chatserver"
LIMITS = ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_MEMLOCK")
GROUP = Path("/sys/fs/cgroup")
GROUP_FILES = ("memory.max", "memory.current", "memory.high", "cpu.max", "pids.max", "pids.current")
MEMORY = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "Dirty")
_NUMBERS = re.compile(r"[0-9max ]{1,40}")


def versions() -> dict[str, Any]:
    """Versions of the server, Python, the kernel, and the packages that the server depends on."""
    return {
        "chatserver": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "kernel": re.sub(r"[^0-9.].*", "", platform.release()),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """The versions of installed packages that the server's own metadata name."""
    try:
        named = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return {}
    found = {}
    for requirement in named:
        name = re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return dict(sorted(found.items()))


def machine(folders: Mapping[str, Path]) -> dict[str, Any]:
    """Sizes and limits. `folders` are shown by their role: free and total bytes, and files."""
    return {
        "processors": os.cpu_count(),
        "usable_processors": len(os.sched_getaffinity(0)) if sys.platform == "linux" else None,
        "load": list(os.getloadavg()),
        "memory_bytes": _memory(),
        "control_group": {name: _group(name) for name in GROUP_FILES},
        "limits": {name: list(resource.getrlimit(getattr(resource, name))) for name in LIMITS},
        "disks": {role: _disk(path) for role, path in folders.items()},
        "user_is_root": os.geteuid() == 0,
    }


def _memory() -> dict[str, int]:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return {}
    rows = re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)
    return {name: int(kib) * 1024 for name, kib in rows if name in MEMORY}


def _group(name: str) -> str | None:
    try:
        text = (GROUP / name).read_text().strip()
    except OSError:
        return None
    return text if _NUMBERS.fullmatch(text) else None


def _disk(path: Path) -> dict[str, Any]:
    place = next((each for each in (path, *path.parents) if each.exists()), Path("/"))
    usage, files = shutil.disk_usage(place), os.statvfs(place)
    return {
        "exists": path.exists(),
        "writable": os.access(place, os.W_OK),
        "total": usage.total,
        "free": usage.free,
        "files_free": files.f_favail,
        "read_only": bool(files.f_flag & os.ST_RDONLY),
    }
