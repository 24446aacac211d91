"""Quarantine for unreadable records, which another program or a person wrote."""

from hashlib import sha256

import msgspec
from loguru import logger

from chatserver.interfaces import Store

# All errors that msgspec raises for malformed bytes.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
PREFIX = "unreadable/"


async def set_aside(store: Store, space: str, key: str, record: bytes) -> None:
    """Move a record to quarantine, `unreadable/KEY/…` in its space, and log it; a crash may leave both."""
    kept = f"{PREFIX}{key}/{sha256(record).hexdigest()[:16]}"
    await store.put(space, kept, record)
    await store.delete(space, key)
    logger.error("record {} of {} cannot be read and is kept as {}", key, space, kept)
