r"""Contract of stores with files: durability if the process or machine dies. Needs Linux and strace.

    class TestMyStoreOnDisk(DurableContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path / "data")

        @pytest.fixture
        def program(self, tmp_path):
            return f"from my_store import MyStore\ndef make(): return MyStore({str(tmp_path / 'data')!r})"

`program` is Python source that defines `make`, which makes the same store as `make_store` in another
process. There the suite opens the store and writes, then kills the process. The suite cannot see whether a
store's server syncs: that depends on its settings, and takes a test that cuts its power.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver import Store
from chatserver.testing.samples import posted

MakeStore = Callable[[], Store]

ROOMS = 5
BATCH = 10
KILLED_AFTER = 20  # batches
TRACED = 30  # writes, half of them batches
_CALLS = "write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,msync,openat"
_CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<name>\w+)\((?P<first>[^,)]*)(?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+)\s+<\.\.\. (?P<name>\w+) resumed>.*= (?P<result>-?\d+)")
_SYNCS = ("fsync", "fdatasync", "msync")
_SYNCED_BY_ITSELF = re.compile(r"O_D?SYNC")

_WRITER = """
import asyncio, os
from chatserver.testing.samples import posted

async def main():
    store = make()
    await store.open()
    os.write(1, b"open\\n")
    for number in range({count}):
        batch = [posted(f"r{{room}}", number * {batch} + n, client_id=f"{{room}}-{{number}}-{{n}}")
                 for n in range(1, {batch} + 1) for room in range({rooms})]
        await store.append(batch)
        os.write(1, b"%d\\n" % number)
        if {records}:
            await store.put("space", f"key{{number}}", b"value")
            os.write(1, b"%d\\n" % number)

asyncio.run(main())
"""


def _source(program: str, count: int, *, records: bool) -> str:
    return program + _WRITER.format(count=count, batch=BATCH, rooms=ROOMS, records=records)


class DurableContract:
    """Subclass it and give the fixtures `make_store` and `program`."""

    @pytest.fixture
    def program(self) -> str:
        raise NotImplementedError("give a fixture program")

    async def test_acknowledged_events_survive_kill_9(
        self, io_loop: Any, make_store: MakeStore, program: str
    ) -> None:
        acknowledged = _killed(_source(program, 1_000_000, records=False))
        store = make_store()
        await store.open()
        try:
            for room in (f"r{n}" for n in range(ROOMS)):
                head = (await store.heads([room]))[room]
                assert head >= (acknowledged + 1) * BATCH, "an acknowledged batch is lost"
                seqs = [each.seq for each in await store.read(room, 0, head)]
                assert seqs == list(range(1, head + 1))
                assert (await store.append([posted(room, head + 1)])).conflict is None
        finally:
            await store.close()

    def test_nothing_is_acknowledged_before_it_is_synced(
        self, program: str, tmp_path: Path
    ) -> None:
        """Between two acknowledgements the system calls show a write, and then a sync of its file."""
        if shutil.which("strace") is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no strace")
        trace = tmp_path / "trace"
        strace = ["strace", "-f", "-y", "-q", "-e", f"trace={_CALLS}", "-e", "signal=none"]
        source = _source(program, TRACED // 2, records=True)
        done = subprocess.run(  # noqa: S603 - the author's own program
            [*strace, "-o", str(trace), sys.executable, "-c", source],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        verdicts = list(acknowledgements(trace.read_text(errors="replace")))[1:]  # after "open"
        assert len(verdicts) == TRACED
        assert all(verdicts), f"{verdicts.count(False)} of {TRACED} were not on the disk"


def _killed(source: str) -> int:
    """Number of the last batch that a writer acknowledged before it was killed."""
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:  # noqa: S603
        assert writer.stdout is not None
        for _ in range(1 + KILLED_AFTER):
            assert writer.stdout.readline(), "the writer ended by itself"
        writer.kill()
        rest = [
            line for line in writer.stdout.read().splitlines(keepends=True) if line[-1:] == b"\n"
        ]
    return int(rest[-1]) if rest else KILLED_AFTER - 1


def acknowledgements(trace: str) -> Iterator[bool]:
    """For each printed line, whether bytes were written since the last one and all are synced.

    `trace` is the output of `strace -f -y`. A checkpoint may also write to other files.
    """
    seen = _Files()
    for line in trace.splitlines():
        resumed, call = _RESUMED.match(line), _CALL.match(line)
        if resumed is not None:
            if resumed["name"] in _SYNCS and resumed["result"] == "0":
                seen.synced(seen.waiting.pop(resumed["pid"], ""))
        elif call is None or "= -1 " in line:
            continue
        elif call["first"].startswith("1<"):
            yield seen.is_durable()
        elif call["name"] == "openat":
            seen.opened(line)
        else:
            seen.called(call, line)


class _Files:
    """A process's files that were written since the last acknowledgement and are not synced yet."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}  # by thread, the file of a sync that has not returned
        self._written: set[str] = set()
        self._dirty: set[str] = set()
        # Descriptors, as `7</data/file>`: a file may have another one, whose writes are not synced.
        self._always_synced: set[str] = set()

    def is_durable(self) -> bool:
        found = bool(self._written - self._dirty)
        self._written.clear()
        return found

    def opened(self, line: str) -> None:
        descriptor = line.rpartition(" = ")[2].strip()
        if _SYNCED_BY_ITSELF.search(line):
            self._always_synced.add(descriptor)
        else:  # the number may be that of a closed one
            self._always_synced.discard(descriptor)

    def called(self, call: re.Match[str], line: str) -> None:
        path = call["first"].partition("<")[2].rstrip(">")
        if call["name"] not in _SYNCS:
            self._written.add(path)
            if call["first"] not in self._always_synced:
                self._dirty.add(path)
        elif call["name"] == "msync":
            self._written.add("memory")  # strace does not show the file
        elif "unfinished" in line:
            self.waiting[call["pid"]] = path
        else:
            self.synced(path)

    def synced(self, path: str) -> None:
        self._dirty.discard(path)
