r"""Contract of back ends of blobs with files: durability if the machine dies. Needs Linux and strace.

    class TestMyBlobsOnDisk(DurableBlobsContract):
        @pytest.fixture
        def program(self, tmp_path):
            return f"from my_blobs import MyBlobs\ndef make(): return MyBlobs({str(tmp_path / 'blobs')!r})"

`program` is Python source that defines `make`. In another process the suite opens that back end and writes, and looks
at its system calls: before a write is acknowledged, the content is synced, and then the folder with its new name.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WRITES = 10
PARTS = 40
_CALLS = "write,pwrite64,writev,pwritev,fsync,fdatasync,link,linkat,rename,renameat,renameat2"
_NAMING = ("link", "linkat", "rename", "renameat", "renameat2")
_CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+)\s+<\.\.\. (?P<name>\w+) resumed>.*= (?P<result>-?\d+)")
_PATH = re.compile(r"^\d+<(?P<path>[^>]*)>")
_QUOTED = re.compile(r'"(?P<path>[^"]*)"')

_WRITER = """
import asyncio, os, secrets

async def parts():
    for _ in range({parts}):
        yield b"x" * 50_000

async def main():
    blobs = make()
    await blobs.open()
    os.write(1, b"open\\n")
    for number in range({writes}):
        await blobs.write(secrets.token_hex(20), parts())
        os.write(1, b"%d\\n" % number)
    os._exit(0)

asyncio.run(main())
"""


class DurableBlobsContract:
    """Subclass it and give the fixture `program`."""

    @pytest.fixture
    def program(self) -> str:
        raise NotImplementedError("give a fixture program")

    def test_a_write_returns_when_all_is_synced(self, program: str, tmp_path: Path) -> None:
        if shutil.which("strace") is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no strace")
        trace = tmp_path / "trace"
        strace = ["strace", "-f", "-y", "-q", "-e", f"trace={_CALLS}", "-e", "signal=none"]
        source = program + _WRITER.format(writes=WRITES, parts=PARTS)
        done = subprocess.run(  # noqa: S603 - the author's own program
            [*strace, "-o", str(trace), sys.executable, "-c", source],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        problems = list(acknowledgements(trace.read_text(errors="replace")))[1:]  # after "open"
        assert len(problems) == WRITES
        assert not any(problems), problems


def acknowledgements(trace: str) -> Iterator[str]:
    """For each printed line, what was not on the disk by then; "" if all was. `trace` is of `strace -f -y`."""
    dirty: set[str] = set()  # files with bytes that are not synced
    named: set[str] = set()  # folders with a new name that is not synced
    waiting: dict[str, str] = {}  # by thread, the path of a sync that has not returned
    written = False
    for line in trace.splitlines():
        if resumed := _RESUMED.match(line):
            if "sync" in resumed["name"] and resumed["result"] == "0":
                path = waiting.pop(resumed["pid"], "")
                dirty.discard(path)
                named.discard(path)
            continue
        call = _CALL.match(line)
        if call is None or "= -1 " in line:
            continue
        found = _PATH.match(call["rest"])
        path = found["path"] if found else ""
        if call["name"] in _NAMING:
            target = _QUOTED.findall(call["rest"])[-1]
            named.add(str(Path(target).parent))
        elif call["name"] in ("fsync", "fdatasync"):
            if "unfinished" in line:
                waiting[call["pid"]] = path
            else:
                dirty.discard(path)
                named.discard(path)
        elif call["rest"].startswith("1<"):
            yield _problem(dirty, named, written)
            written = False
        elif path.startswith("/") and not path.startswith(("/proc/", "/dev/")):
            dirty.add(path)
            written = True


def _problem(dirty: set[str], named: set[str], written: bool) -> str:
    if not written:
        return "nothing was written to a file"
    if dirty:
        return f"not synced: {sorted(dirty)}"
    return f"new names that are not synced, in {sorted(named)}" if named else ""
