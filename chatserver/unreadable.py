"""Records that cannot be read, of a hand or a program that is not ours: kept, and out of the way."""

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
