"""Memory in use against its limit: that of the control group, as in a container, or the machine's.

Inside a container the machine's memory says nothing: the kernel kills at the group's limit. Sources: cgroups(7),
the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. In use is what the kernel
cannot give back at once: without file pages that were not used lately (the working set, as Kubernetes counts).
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

NO_LIMIT = 1 << 60  # version 1 writes a number near 2^63 where there is no limit


class Memory(NamedTuple):
    """Bytes in use, and the limit in bytes; 0 if unknown."""

    used: int
    limit: int


class _Names(NamedTuple):
    """Names of a version's files, and of the line of memory.stat with inactive file pages."""

    limit: str
    used: str
    inactive: str


V1 = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = _Names("memory.max", "memory.current", "inactive_file")


def memory(root: Path = Path("/")) -> Memory:
    """The tightest limit that holds for this process, with the memory in use where it holds.

    `root` is the folder with `proc` and the mounted control groups. Zeros where there is no /proc.
    """
    found = [*_groups(root)] or [_machine(root)]
    return max(found, key=lambda each: each.used / each.limit if each.limit else 0.0)


def _machine(root: Path) -> Memory:
    numbers = _numbers(root / "proc/meminfo")
    total = numbers.get("MemTotal:", 0) * 1024
    return Memory(total - numbers.get("MemAvailable:", 0) * 1024, total)


def _groups(root: Path) -> Iterator[Memory]:
    """The groups with a limit, from the process's own up to the one at the mount."""
    for names, mount, group in _places(root):
        folder = mount / group
        for level in (folder, *folder.parents):
            limit = _number(level / names.limit)
            if limit is not None and limit < NO_LIMIT:
                inactive = _numbers(level / "memory.stat").get(names.inactive, 0)
                yield Memory(max(0, (_number(level / names.used) or 0) - inactive), limit)
            if level == mount:
                break


def _places(root: Path) -> Iterator[tuple[_Names, Path, str]]:
    """For each version with a memory controller: its mount, and the process's group below it."""
    groups = dict[str, str]()  # by controller; "" is that of version 2
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        shown, where = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            names, controller = V2, ""
        elif kind == "cgroup" and "memory" in options.split(","):
            names, controller = V1, "memory"
        else:
            continue
        group = PurePosixPath(groups.get(controller, "/"))
        # In a container the mount shows only a part of the tree, of which the path need not know.
        below = group.relative_to(shown) if group.is_relative_to(shown) else PurePosixPath(".")
        if ".." in below.parts or below.is_absolute():
            below = PurePosixPath(".")
        yield names, root / where.lstrip("/"), str(below)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    """The number in a file; None if there is no such file, or it says `max`."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _numbers(path: Path) -> dict[str, int]:
    """The numbers of a file with a name and a number in each line."""
    split = (line.split() for line in _lines(path))
    return {words[0]: int(words[1]) for words in split if len(words) > 1 and words[1].isdigit()}
