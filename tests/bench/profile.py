"""A server's time by function, from samples of its event loop's thread.

py-spy takes them from outside, so the server runs as it does without; it is no dependency of the
project (`pip install py-spy`) and may need root.
"""

import asyncio
import shutil
import sys
from collections import Counter
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench import tables

SAMPLES_PER_SECOND = 500
TOP = 40
ROOMS, NAMED = 6, 4  # of a row in the docs
LOOP = "uvloop and the kernel"  # what runs below no function of Python
HEAD = ("row", "% of the thread's time, by where the code is", "% of functions by themselves")


async def sample(pid: int, seconds: float, file: Path) -> None:
    """Write samples of the process as `outer;…;inner count` lines."""
    program = shutil.which("py-spy") or shutil.which(
        "py-spy", path=str(Path(sys.executable).parent)
    )
    if program is None:
        raise RuntimeError("--profile needs py-spy: pip install py-spy")
    process = await asyncio.create_subprocess_exec(
        *(program, "record", "--pid", str(_serving(pid)), "--duration", str(max(1, int(seconds)))),
        *("--rate", str(SAMPLES_PER_SECOND), "--threads", "--format", "raw"),
        *("--output", str(file)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())


def _serving(pid: int) -> int:
    """The process that serves: with workers, the one of them that took the most processor time."""
    times = {child.pid: sum(child.cpu_times()[:2]) for child in psutil.Process(pid).children()}
    return max(times, key=lambda child: times[child], default=pid)


class Profile:
    """The time of the event loop's thread by function: its own, and with what it calls."""

    def __init__(self, file: Path) -> None:
        self.own: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        for line in file.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            if "MainThread" not in stack:
                continue
            frames = [f"{each.rpartition(':')[0]})" for each in stack.split(";") if ".py:" in each]
            if frames:
                self.own[frames[-1]] += int(count)
                self.total.update(dict.fromkeys(frames, int(count)))

    def share(self, count: int) -> float:
        """Of all the thread's time, in percent."""
        return 100 * count / (self.own.total() or 1)

    def show(self, title: str, console: Console) -> None:
        """Print the functions with the most time of their own."""
        table = Table(title=title)
        for name in ("own %", "total %", "function"):
            table.add_column(name, justify="left" if name == "function" else "right")
        for name, count in self.own.most_common(TOP):
            shares = (self.share(count), self.share(self.total[name]))
            table.add_row(*(f"{share:.1f}" for share in shares), name)
        console.print(table)

    def write(self, title: str) -> None:
        """Put a line for this row into docs/benchmarks.md."""
        rooms: Counter[str] = Counter()
        for frame, count in self.own.items():
            rooms[_room(frame)] += count
        functions: Counter[str] = Counter(
            {frame: count for frame, count in self.own.items() if _room(frame) != LOOP}
        )
        tables.put(
            "profiles", HEAD, [title, self._list(rooms, ROOMS), self._list(functions, NAMED)]
        )

    def _list(self, counts: "Counter[str]", most: int) -> str:
        named = ((name.split(" (")[0], count) for name, count in counts.most_common(most))
        return ", ".join(f"{name} {self.share(count):.0f}" for name, count in named)


def _room(frame: str) -> str:
    """Where a function is: one of our folders, a plugin, or a library."""
    function, _, path = frame.rstrip(")").partition(" (")
    if function == "Runner.run":
        return LOOP
    first, _, rest = path.partition("/")
    if first in ("chatserver", "plugins"):
        return f"{first}/{rest.partition('/')[0].removesuffix('.py')}"
    return first.removesuffix(".py")
