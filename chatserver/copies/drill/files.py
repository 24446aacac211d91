"""Files of users in a drill: some are taken before the backup, and all must be there after the restore."""

import os
from collections.abc import AsyncIterator

from chatserver.blobs import carrying
from chatserver.blobs.carrying import Damaged
from chatserver.blobs.moving import blobs_of
from chatserver.blobs.service import BlobService
from chatserver.cluster.installation import epoch
from chatserver.config.sections import BlobsConfig
from chatserver.errors import StartupError
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store
from chatserver.runtime.measure import Measures

FILES, FILE_BYTES = 10, 1 << 20  # in each size of the store
HOLDER = "drill:file"


async def take_files(store: Store, place: Blobs) -> None:
    """Store some files with random content."""
    known = await epoch(store)
    blobs = BlobService(store, place, BlobsConfig(), lambda: known, Measures())
    for number in range(FILES):
        blob = await blobs.take("", _content(), name=f"file {number}")
        await blobs.refer(blob.id, HOLDER)


async def check_files(store: Store, place: Blobs) -> int:
    """Read all files, and return their number. Raises `StartupError` for one that is not as it was."""
    count = 0
    async for blob in blobs_of(store):
        try:
            await carrying.check(place, blob)
        except Damaged as damaged:
            raise StartupError(f"after the restore: {blob.name}: {damaged}") from damaged
        count += 1
    return count


async def _content() -> AsyncIterator[bytes]:
    yield os.urandom(FILE_BYTES)
