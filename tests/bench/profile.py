"""A server's time by function, from samples of its event loop's thread.

py-spy takes them from outside, so the server runs as it does without; it is no dependency of the
project (`pip install py-spy`) and may need root.
"""

import asyncio
import shutil
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

SAMPLES_PER_SECOND = 500
TOP = 40


async def sample(pid: int, seconds: float, file: Path) -> None:
    """Write samples of the process as `outer;…;inner count` lines."""
    program = shutil.which("py-spy") or shutil.which(
        "py-spy", path=str(Path(sys.executable).parent)
    )
    if program is None:
        raise RuntimeError("--profile needs py-spy: pip install py-spy")
    process = await asyncio.create_subprocess_exec(
        *(program, "record", "--pid", str(pid), "--duration", str(max(1, int(seconds)))),
        *("--rate", str(SAMPLES_PER_SECOND), "--threads", "--format", "raw"),
        *("--output", str(file)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())


def show(file: Path, title: str, console: Console) -> None:
    """The functions with the most time of their own, and the time with what they call."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        if '"MainThread"' not in stack and "MainThread" not in stack:
            continue
        frames = [frame.rpartition(":")[0] + ")" for frame in stack.split(";") if ".py:" in frame]
        if frames:
            own[frames[-1]] += int(count)
            for frame in set(frames):
                total[frame] += int(count)
    everything = sum(own.values()) or 1
    table = Table(title=title)
    for name in ("own %", "total %", "function"):
        table.add_column(name, justify="left" if name == "function" else "right")
    for name, count in own.most_common(TOP):
        shares = (count, total[name])
        table.add_row(*(f"{100 * share / everything:.1f}" for share in shares), name)
    console.print(table)
