"""An empty store in a folder that goes away, for commands that try something out."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatserver.interfaces import Store


@asynccontextmanager
async def scratch_store() -> AsyncIterator[Store]:
    """A file of SQLite below the folder for temporary files (TMPDIR), open."""
    from chatserver.cli.stores import store_of
    from chatserver.config import load

    with tempfile.TemporaryDirectory(prefix="chatserver-") as folder:
        settings = {
            "server.data": folder,
            "plugins.enabled": ["sqlite", "password"],
            "plugin.sqlite.timeout_ms": 60_000,  # nobody waits for a message here
        }
        store = store_of(load(environ={}, overrides=settings))
        await store.open()
        try:
            yield store
        finally:
            await store.close()
