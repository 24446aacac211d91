"""Blobs in a bucket of SeaweedFS keep the contract, also through a link that lets nothing through."""

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chatserver import Blobs, BlobsUnavailable
from chatserver.testing.blobs import (
    BlobsContract,
    MakeBlobs,
    Silenced,
    SilentBlobsContract,
    given,
    new_key,
    opened,
    zeros,
)
from chatserver.testing.link import Link
from chatserver_plugins.s3 import S3Plugin
from chatserver_plugins.vault.files import SealedBlobs
from tests.blobs.test_memory import MOST_MIB, grown_by
from tests.operation.target_servers import ADMIN, SECRET, SeaweedS3
from tests.vault.test_blobs import Fixed
from tests.waiting import until


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedS3]:
    weed = SeaweedS3(tmp_path_factory.mktemp("weed"))
    weed.start()
    yield weed
    weed.kill()


@pytest.fixture
def bucket(weed: SeaweedS3) -> str:
    """The name of a new bucket."""
    name = f"blobs-{secrets.token_hex(6)}"
    client = weed.client()
    client.create_bucket(Bucket=name)
    client.close()
    return name


def plugin(bucket: str, port: int, folder: Path, timeout_ms: int = 60_000) -> S3Plugin:
    url = f"s3://{bucket}/chat?endpoint=http://127.0.0.1:{port}"
    config = S3Plugin.Config(blobs=url, access_key=ADMIN, secret_key=SECRET, timeout_ms=timeout_ms)
    return S3Plugin(config, folder)


class TestS3(BlobsContract):
    @pytest.fixture
    def make_blobs(self, weed: SeaweedS3, bucket: str, tmp_path: Path) -> MakeBlobs:
        def make() -> Blobs:
            blobs = plugin(bucket, weed.port, tmp_path).provide_blobs()
            assert blobs is not None
            return blobs

        return make


class TestSealedInS3(BlobsContract):
    """With the files sealed by the plugin `vault`."""

    @pytest.fixture
    def make_blobs(self, weed: SeaweedS3, bucket: str, tmp_path: Path) -> MakeBlobs:
        def make() -> Blobs:
            blobs = plugin(bucket, weed.port, tmp_path).provide_blobs()
            assert blobs is not None
            return SealedBlobs(blobs, Fixed())

        return make


class TestS3InSilence(SilentBlobsContract):
    @pytest.fixture
    def silenced(self, weed: SeaweedS3, bucket: str, tmp_path: Path) -> Silenced:
        @asynccontextmanager
        async def silenced() -> AsyncIterator[Blobs]:
            async with Link("127.0.0.1", weed.port) as link:
                blobs = plugin(bucket, link.port, tmp_path, 1000).provide_blobs()
                assert blobs is not None
                await blobs.open()
                try:
                    await blobs.write(self.HELD, given([b"held"]))
                    link.freeze()
                    yield blobs
                finally:
                    await link.cut()
                    await blobs.close()

        return silenced


async def test_other_objects_of_the_bucket_are_not_seen(
    weed: SeaweedS3, bucket: str, tmp_path: Path
) -> None:
    client = weed.client()
    client.put_object(Bucket=bucket, Key="other", Body=b"x")
    async with opened(lambda: plugin(bucket, weed.port, tmp_path).provide_blobs()) as blobs:
        key = new_key()
        await blobs.write(key, given([b"x"]))
        assert [each.key for each in await blobs.list()] == [key]
    found = {each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert found == {"other", f"chat/{key}"}
    client.close()


async def test_what_a_crash_left_of_a_multipart_upload_is_swept(
    weed: SeaweedS3, bucket: str, tmp_path: Path
) -> None:
    client = weed.client()
    client.create_multipart_upload(Bucket=bucket, Key=f"chat/{new_key()}")

    def under_way() -> int:
        return len(client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()))

    async with opened(lambda: plugin(bucket, weed.port, tmp_path).provide_blobs()) as blobs:
        await blobs.sweep(time.time() - 3600)
        assert under_way() == 1
        await blobs.sweep(time.time() + 3600)
        assert under_way() == 0
    client.close()


async def test_a_large_write_that_breaks_leaves_no_parts(
    weed: SeaweedS3, bucket: str, tmp_path: Path
) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for part in zeros(20 << 20):
            yield part
        raise ZeroDivisionError

    client = weed.client()
    async with opened(lambda: plugin(bucket, weed.port, tmp_path).provide_blobs()) as blobs:
        with pytest.raises(ZeroDivisionError):
            await blobs.write(new_key(), breaking())
        await until(lambda: not client.list_multipart_uploads(Bucket=bucket).get("Uploads"))
    client.close()


@pytest.mark.long
def test_many_large_uploads_at_once_take_little_memory(
    weed: SeaweedS3, bucket: str, tmp_path: Path
) -> None:
    place = {
        "plugin": "s3",
        "plugin.s3.blobs": f"s3://{bucket}/chat?endpoint={weed.endpoint}",
        "plugin.s3.access_key": ADMIN,
        "plugin.s3.secret_key": SECRET,
        "plugin.s3.timeout_ms": 60_000,
    }
    assert grown_by(tmp_path, 20, place) < MOST_MIB


async def test_a_server_that_is_away_is_no_reason_not_to_start(tmp_path: Path) -> None:
    async with opened(lambda: plugin("none", 9, tmp_path, 500).provide_blobs()) as blobs:
        with pytest.raises(BlobsUnavailable):
            await blobs.write(new_key(), given([b"x"]))


def test_without_a_bucket_the_plugin_has_no_blobs(tmp_path: Path) -> None:
    assert S3Plugin(S3Plugin.Config(), tmp_path).provide_blobs() is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://x", "bucket"),
        ("s3://x?lock=compliance", "for backups"),
        ("s3://x?as_of=2026-11-25T10:00:00Z", "for backups"),
        ("s3://x?color=red", "no such parameter"),
    ],
)
def test_a_url_that_cannot_be(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        S3Plugin.Config(blobs=url)
