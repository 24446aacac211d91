"""Empty stores in temporary folders, for trial runs."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from chatserver.errors import StartupError, StoreUnavailable

if TYPE_CHECKING:
    from chatserver.interfaces import Store


@contextmanager
def scratch_folder(prefix: str) -> Iterator[str]:
    """A temporary folder, below TMPDIR. Raises `StartupError`."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        raise StartupError(f"no folder can be made below TMPDIR: {error.strerror}") from error
    with folder:
        yield folder.name


@asynccontextmanager
async def scratch_store(*, sealed: bool) -> AsyncIterator[Store]:
    """An open SQLite store; a `sealed` one is encrypted with a key that is nowhere else.

    Raises `StartupError`, also if the disk is full.
    """
    import secrets

    from chatserver.cli.stores import store_of
    from chatserver.config import load
    from chatserver.copies.archive.patience import reason

    with scratch_folder("chatserver-") as folder:
        settings: dict[str, object] = {
            "server.data": folder,
            "plugins.enabled": ["sqlite", "password"],
            "plugin.sqlite.timeout_ms": 60_000,  # no client waits here
        }
        if sealed:
            settings["plugins.enabled"] = ["sqlite", "password", "vault"]
            settings["plugin.vault.key"] = secrets.token_hex(32)
        store = store_of(load(environ={}, overrides=settings))
        await store.open()
        try:
            yield store
        except StoreUnavailable as error:
            raise StartupError(
                f"the scratch store {folder} cannot hold all data: {reason(error)}: set TMPDIR to a "
                "folder with more room"
            ) from error
        finally:
            await store.close()
