"""Files of users in an archive, into a bucket and out of it again."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.users_files import Place, carry_by_archive, disk_place, gridfs_place
from tests.operation.target_servers import ADMIN, SECRET, SeaweedS3
from tests.servers import Mongod


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedS3]:
    server = SeaweedS3(tmp_path_factory.mktemp("weed"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    server = Mongod(tmp_path_factory.mktemp("mongod"))
    server.start()
    yield server
    server.stop()


def bucket(weed: SeaweedS3) -> Place:
    """Settings of a new, empty bucket."""
    name = f"files{secrets.token_hex(4)}"
    client = weed.client()
    client.create_bucket(Bucket=name)
    client.close()
    url = f"s3://{name}/chat?endpoint={weed.endpoint}"
    keys = {"plugin.s3.access_key": ADMIN, "plugin.s3.secret_key": SECRET}
    return {"plugin": "s3", "plugin.s3.blobs": url, **keys}


def test_an_archive_brings_every_file_into_a_bucket(weed: SeaweedS3, tmp_path: Path) -> None:
    carry_by_archive(disk_place(tmp_path), bucket(weed), tmp_path)


def test_an_archive_brings_every_file_out_of_a_bucket(
    weed: SeaweedS3, mongod: Mongod, tmp_path: Path
) -> None:
    carry_by_archive(bucket(weed), gridfs_place(mongod), tmp_path)
