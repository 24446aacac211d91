"""Records that cannot be read, as another program or a person wrote them: kept, but out of the way."""

from hashlib import sha256

import msgspec
from loguru import logger

from chatserver.interfaces import Store

# All that msgspec raises for bytes that are not what they should be.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
PREFIX = "unreadable/"


async def set_aside(store: Store, space: str, key: str, record: bytes) -> None:
    """Move a record to `unreadable/KEY/…` in its space, and say so. A crash leaves it at both."""
    kept = f"{PREFIX}{key}/{sha256(record).hexdigest()[:16]}"
    await store.put(space, kept, record)
    await store.delete(space, key)
    logger.error("record {} of {} cannot be read: it is kept as {}", key, space, kept)
