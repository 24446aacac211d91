"""Every back end of blobs keeps the contract. That of S3 is in tests/operation, beside its server."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chatserver import Blobs, StartupError
from chatserver.testing.blobs import BlobsContract, MakeBlobs, Silenced, SilentBlobsContract, given
from chatserver.testing.durableblobs import DurableBlobsContract
from chatserver_plugins.disk_blobs import DiskBlobs, DiskBlobsPlugin
from chatserver_plugins.gridfs import GridFSPlugin
from tests.servers import Mongod


class TestDisk(BlobsContract):
    @pytest.fixture
    def make_blobs(self, tmp_path: Path) -> MakeBlobs:
        config = DiskBlobsPlugin.Config(min_free_percent=0.0)
        return DiskBlobsPlugin(config, tmp_path / "disk_blobs").provide_blobs


class TestDiskIsDurable(DurableBlobsContract):
    @pytest.fixture
    def program(self, tmp_path: Path) -> str:
        return (
            "from pathlib import Path\n"
            "from chatserver_plugins.disk_blobs import DiskBlobs\n"
            f"def make(): return DiskBlobs(Path({str(tmp_path / 'blobs')!r}))\n"
        )


class TestGridFS(BlobsContract):
    @pytest.fixture
    def make_blobs(self, replica_set: Mongod) -> MakeBlobs:
        name = f"test_{secrets.token_hex(8)}"
        config = GridFSPlugin.Config(uri=replica_set.uri, database=name, timeout_ms=60_000)
        return GridFSPlugin(config).provide_blobs


class TestGridFSInSilence(SilentBlobsContract):
    @pytest.fixture
    def silenced(self, replica_set: Mongod) -> Silenced:
        @asynccontextmanager
        async def silenced() -> AsyncIterator[Blobs]:
            name = f"test_{secrets.token_hex(8)}"
            config = GridFSPlugin.Config(uri=replica_set.uri, database=name, timeout_ms=1000)
            blobs = GridFSPlugin(config).provide_blobs()
            await blobs.open()
            try:
                await blobs.write(self.HELD, given([b"held"]))
                replica_set.freeze()
                yield blobs
            finally:
                replica_set.thaw()
                await blobs.close()

        return silenced


async def test_a_folder_that_cannot_be_made_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blobs = DiskBlobs(tmp_path / "file" / "blobs")
    with pytest.raises(StartupError, match=r"plugin\.disk_blobs\.path: .*file/blobs"):
        await blobs.open()
    await blobs.close()
