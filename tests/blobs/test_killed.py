"""A process that is killed while it takes files: what it acknowledged is whole, and nothing else stays for ever."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chatserver.blobs.service import BlobService
from chatserver.config.sections import BlobsConfig
from chatserver.interfaces import Store
from chatserver.runtime.measure import Measures
from chatserver_plugins.disk_blobs import DiskBlobs
from chatserver_plugins.sqlite import SqlitePlugin

ACKNOWLEDGED = 40
SIZE = 300_000
CONFIG = BlobsConfig(keep_hours=1, orphan_hours=48, mb_per_user=10_000, uploads_per_user=1000)

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from tests.blobs.test_killed import SIZE, service

async def parts():
    for start in range(0, SIZE, 10_000):
        yield b"x" * 10_000
        await asyncio.sleep(0)

async def keep(blobs):
    while True:
        blob = await blobs.take("ada", parts())
        await blobs.refer(blob.id, "kept")
        os.write(1, f"{blob.id}\\n".encode())

async def main():
    async with service(Path(sys.argv[1])) as (blobs, _):
        await asyncio.gather(*(keep(blobs) for _ in range(8)))

asyncio.run(main())
"""


class Clock:
    """The time, some days later."""

    days = 0

    def __call__(self) -> float:
        return time.time() + self.days * 86_400


@asynccontextmanager
async def service(
    folder: Path, clock: Callable[[], float] = time.time
) -> AsyncIterator[tuple[BlobService, Store]]:
    """A node on files in a folder, and its store."""
    store = SqlitePlugin(SqlitePlugin.Config(), folder / "sqlite").provide_store()
    blobs = DiskBlobs(folder / "blobs")
    await store.open()
    await blobs.open()
    try:
        yield BlobService(store, blobs, CONFIG, lambda: "epoch", Measures(), clock), store
    finally:
        await blobs.close()
        await store.close()


@pytest.mark.long
def test_what_was_acknowledged_is_whole_and_the_rest_is_removed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(ACKNOWLEDGED)]
        writer.kill()
        lines += writer.stdout.read().splitlines(keepends=True)
    kept = {line.strip() for line in lines if line.endswith("\n")}
    assert len(kept) >= ACKNOWLEDGED
    asyncio.run(check(tmp_path, kept))


async def check(folder: Path, kept: set[str]) -> None:
    clock = Clock()
    async with service(folder, clock) as (blobs, store):
        for blob in kept:
            found = await blobs.get(blob)
            content = b"".join([part async for part in blobs.read(found)])
            assert content == b"x" * SIZE
        for _ in range(7):
            clock.days += 1
            await blobs.collector.collect()
            await blobs.collector.sweep()
        # The last call of `refer` may have been cut off before it was acknowledged.
        stored = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
        pieces = {path.name[:32] for path in stored if not path.name.startswith("0" * 24)}
        assert kept <= pieces
        referred = {key[:32] for key, _ in await store.scan("blob_ref", "")}
        assert pieces == referred
        usage = await blobs.usage("ada")
        assert (usage.files, usage.bytes) == (len(pieces), SIZE * len(pieces))
