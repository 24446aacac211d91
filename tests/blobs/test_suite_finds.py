"""The suite for authors finds what is wrong with a back end: each mutant here fails the test that is named."""

import re
from pathlib import Path

import pytest

from tests.forking import ran

pytestmark = pytest.mark.long

START = """
import asyncio, os, time
from pathlib import Path

import pytest

from chatserver import BlobExists, BlobsUnavailable, ChatError
from chatserver.testing.blobs import BlobsContract
from chatserver.testing.durableblobs import DurableBlobsContract
from chatserver_plugins.disk_blobs import DiskBlobs

class TestMutant(BlobsContract):
    @pytest.fixture
    def make_blobs(self, tmp_path):
        return lambda: Mutant(tmp_path / "blobs")
"""

DURABLE = """
class TestMutant(DurableBlobsContract):
    @pytest.fixture
    def program(self, tmp_path):
        return f'''
from pathlib import Path
from chatserver_plugins.disk_blobs import DiskBlobs, files
{CHANGE}
def make(): return DiskBlobs(Path({str(tmp_path / "blobs")!r}))
'''
"""
SYNCING = """
import os
class Os:
    def __getattr__(self, name): return getattr(os, name)
    def fsync(self, descriptor):
        is_folder = os.path.isdir(f'/proc/self/fd/{descriptor}')
        if SYNCED: os.fsync(descriptor)
files.os = Os()
"""


def durable(synced: str) -> str:
    """A back end that syncs only this."""
    return f"CHANGE = {SYNCING.replace('SYNCED', synced)!r}\n{DURABLE}"


READ = """
class Mutant(DiskBlobs):
    async def read(self, key, start=0, length=None):
        async for part in super().read(key, {start}, {length}):
            yield part{cut}
"""
WHOLE = {"start": "start", "length": "length", "cut": ""}

OVERWRITES = """
class Mutant(DiskBlobs):
    async def write(self, key, parts):
        found = [part async for part in parts]
        await self.delete(key)
        async def again():
            for part in found: yield part
        return await super().write(key, again())
"""

ALL_WIN = """
class Mutant(DiskBlobs):
    async def write(self, key, parts):
        try:
            return await super().write(key, parts)
        except BlobExists:
            return 0
"""

SHOWS_HALF = """
class Mutant(DiskBlobs):
    async def write(self, key, parts):
        place = self._tree._place(key)
        if place.exists(): raise BlobExists
        place.parent.mkdir(exist_ok=True)
        size = 0
        try:
            with place.open("xb", buffering=0) as file:
                async for part in parts:
                    await asyncio.to_thread(file.write, part)
                    size += len(part)
        except FileExistsError:
            raise BlobExists
        except BaseException:
            place.unlink()
            raise
        return size
"""

LEAVES_HALF = """
class Mutant(DiskBlobs):
    async def write(self, key, parts):
        async def until_it_breaks():
            try:
                async for part in parts: yield part
            except Exception: pass
        return await super().write(key, until_it_breaks())
"""

LIST = """
class Mutant(DiskBlobs):
    async def list(self, after="", limit=1000):
        found = await super().list({after}, limit)
        return {found}
"""

IN_MEMORY = """
class Mutant(DiskBlobs):
    async def write(self, key, parts):
        found = [part async for part in parts]
        async def again():
            for part in found: yield part
        return await super().write(key, again())
"""

BLOCKS = """
class Mutant(DiskBlobs):
    async def write(self, key, parts):
        size = await super().write(key, parts)
        time.sleep(BLOCKED)
        return size
"""

SWEEPS_ALL = """
class Mutant(DiskBlobs):
    async def sweep(self, before):
        for path in (self._tree.folder / "incoming").iterdir(): path.unlink()
"""

FORGETS = """
class Mutant(DiskBlobs):
    async def size(self, key):
        return await super().size(key) or 0
"""

SAME = "class Mutant(DiskBlobs): pass\n"
DURABLY = "test_a_write_returns_when_all_is_synced"
LOOP = "test_a_long_write_does_not_stop_the_loop"
MEMORY = "test_a_write_holds_few_parts_in_memory"
LISTS = "test_a_list_has_everything_in_order"
UNSEEN = "test_half_a_blob_is_unseen"

MUTANTS = {
    "syncs": (durable("True"), DURABLY, True),
    "syncs nothing": (durable("False"), DURABLY, False),
    "syncs no content": (durable("is_folder"), DURABLY, False),
    "syncs no folder": (durable("not is_folder"), DURABLY, False),
    "is right": (READ.format(**WHOLE), "test_ranges", True),
    "cuts parts": (
        READ.format(**WHOLE | {"cut": "[:200_000]"}),
        "test_what_is_written_is_read",
        False,
    ),
    "begins late": (READ.format(**WHOLE | {"start": "start + bool(start)"}), "test_ranges", False),
    "reads one more": (
        READ.format(**WHOLE | {"length": "None if length is None else length + 1"}),
        "test_ranges",
        False,
    ),
    "knows no end": (READ.format(**WHOLE | {"length": "None"}), "test_ranges", False),
    "overwrites": (OVERWRITES, "test_nothing_is_overwritten", False),
    "lets all win a race": (ALL_WIN, "test_of_racing_writes_one_wins", False),
    "shows half a blob": (SHOWS_HALF, UNSEEN, False),
    "hides half a blob": (SAME, UNSEEN, True),
    "leaves half a blob": (LEAVES_HALF, "test_a_write_that_breaks_leaves_nothing", False),
    "has unknown blobs": (FORGETS, "test_an_unknown_key", False),
    "lists all": (LIST.format(after="after", found="found"), LISTS, True),
    "lists one twice": (LIST.format(after="after[:-1]", found="found"), LISTS, False),
    "leaves one out": (
        LIST.format(after="after", found="found[1:] if after else found"),
        LISTS,
        False,
    ),
    "has no order": (LIST.format(after="after", found="found[::-1]"), LISTS, False),
    "has times of its own": (
        LIST.format(after="after", found="[each._replace(modified=0.0) for each in found]"),
        LISTS,
        False,
    ),
    "keeps all in memory": (IN_MEMORY, MEMORY, False),
    "keeps little in memory": (SAME, MEMORY, True),
    "stops the loop": (f"BLOCKED = 0.2\n{BLOCKS}", LOOP, False),
    "stops the loop hardly": (f"BLOCKED = 0.001\n{BLOCKS}", LOOP, True),
    "sweeps young writes": (SWEEPS_ALL, "test_a_sweep_leaves_a_young_write_alone", False),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_suite_finds(name: str, tmp_path: Path) -> None:
    """If the back end is right, the same test passes."""
    source, test, passes = MUTANTS[name]
    (tmp_path / "test_mutant.py").write_text(START + source)
    done = ran(
        *("-q", "-rfEp", "-p", "no:cacheprovider"),
        *("-W", "ignore::pytest.PytestRemovedIn10Warning", "-k", test, "test_mutant.py"),
        module="pytest",
        cwd=tmp_path,
    )
    said = done.stdout + done.stderr
    found = re.findall(r"^(PASSED|FAILED) test_mutant.py::TestMutant::(\S+)", said, re.M)
    assert (("PASSED" if passes else "FAILED"), test) in found, said
