"""What is special about blobs on a disk: free space, remains of a crash, files that are damaged."""

import asyncio
import os
import time
from pathlib import Path
from unittest import mock

import pytest

from chatserver import Blobs, BlobsUnavailable, ChatError
from chatserver.testing.blobs import given, new_key, opened, whole, zeros
from chatserver_plugins.disk_blobs import DiskBlobs, DiskBlobsPlugin
from chatserver_plugins.disk_blobs import files as disk_files
from tests.waiting import until


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_full_disk_takes_no_blob(tmp_path: Path) -> None:
    config = DiskBlobsPlugin.Config(min_free_percent=100.0)
    plugin = DiskBlobsPlugin(config, tmp_path)
    async with opened(plugin.provide_blobs) as blobs:
        with pytest.raises(BlobsUnavailable) as refused:
            await blobs.write(new_key(), given([b"x"]))
        assert "% of the disk is free" in refused.value.reason
    assert files(tmp_path) == []


async def test_a_disk_that_fills_up_ends_a_write(tmp_path: Path) -> None:
    full = iter([False])

    def demand(tree: object) -> None:
        if next(full, True):
            raise disk_files.NoSpace("only 1 % of the disk is free")

    with mock.patch.object(disk_files.Tree, "demand_space", demand):
        async with opened(lambda: DiskBlobs(tmp_path)) as blobs:
            with pytest.raises(BlobsUnavailable):
                await blobs.write(new_key(), zeros(20 << 20))
            await until(lambda: files(tmp_path) == [])


async def test_remains_of_a_crash_are_swept_and_others_are_not(tmp_path: Path) -> None:
    async with opened(lambda: DiskBlobs(tmp_path)) as blobs:
        old, young = (tmp_path / "incoming" / f"{new_key()}.{name}" for name in ("old", "young"))
        for path in (old, young):
            path.write_bytes(b"half")
        os.utime(old, (0, time.time() - 1000))
        await blobs.sweep(time.time() - 500)
        assert not old.exists()
        assert young.exists()
        assert await blobs.list() == []


async def test_nothing_of_a_failed_write_stays(tmp_path: Path) -> None:
    async def breaking() -> object:
        yield b"half"
        raise ZeroDivisionError

    async with opened(lambda: DiskBlobs(tmp_path)) as blobs:
        with pytest.raises(ZeroDivisionError):
            await blobs.write(new_key(), breaking())
        await until(lambda: files(tmp_path) == [])


async def test_a_file_that_was_cut_off_is_no_endless_read(tmp_path: Path) -> None:
    async with opened(lambda: DiskBlobs(tmp_path)) as blobs:
        key = new_key()
        await blobs.write(key, given([bytes(1 << 20)]))
        reading = blobs.read(key)
        await anext(reading)
        os.truncate(tmp_path / key[:2] / key, 10)
        with pytest.raises(BlobsUnavailable):
            async for _ in reading:
                pass


async def test_a_disk_that_hangs_is_given_up(tmp_path: Path) -> None:
    goes_on = asyncio.Event()

    def hang(tree: object, key: str) -> None:
        while not goes_on.is_set():
            time.sleep(0.01)

    async def fails(blobs: Blobs) -> None:
        with pytest.raises(BlobsUnavailable):
            await blobs.size(new_key())

    with mock.patch.object(disk_files.Tree, "size", hang):
        async with opened(lambda: DiskBlobs(tmp_path, timeout_ms=100)) as blobs:
            await fails(blobs)
            goes_on.set()


async def test_a_closed_back_end_is_unavailable(tmp_path: Path) -> None:
    blobs = DiskBlobs(tmp_path)
    await blobs.open()
    await blobs.close()
    with pytest.raises(BlobsUnavailable):
        await blobs.size(new_key())


async def test_an_unknown_blob_is_no_failure(tmp_path: Path) -> None:
    async with opened(lambda: DiskBlobs(tmp_path)) as blobs:
        with pytest.raises(ChatError, match=r"blob\.not_found"):
            await whole(blobs, new_key())
