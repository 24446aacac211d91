"""A configuration's store, for commands that work on it without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chatserver.errors import StartupError

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.folders import DataFolder
    from chatserver.interfaces import Store

T = TypeVar("T")


def run_quietly(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. The log goes to the console: a server may be writing the files."""
    from chatserver.config import LoggingConfig
    from chatserver.logging import setup

    writer = setup(LoggingConfig(level="warning", console="pretty", folder=""))
    try:
        return asyncio.run(work)
    finally:
        writer.close()


def store_of(loaded: Loaded) -> Store:
    """The store, not open yet. Raises `StartupError`."""
    from chatserver.app import Server

    return Server(loaded).store


@asynccontextmanager
async def opened_to_write(loaded: Loaded) -> AsyncIterator[Store]:
    """The store, open. Where the data belongs to one process, a running server is in the way."""
    store = store_of(loaded)
    async with AsyncExitStack() as stack:
        if store.is_private():
            stack.callback(data_folder(loaded).close)
        stack.push_async_callback(store.close)
        await store.open()
        yield store


@asynccontextmanager
async def opened_to_copy(loaded: Loaded) -> AsyncIterator[Store]:
    """The store, open to be read, also beside a server that has the data for itself."""
    store = store_of(loaded)
    async with AsyncExitStack() as stack:
        beside = False
        if store.is_private():
            try:
                stack.callback(data_folder(loaded).close)
            except StartupError:  # a server has it
                beside = True
        stack.push_async_callback(store.close)
        await (store.open_to_read() if beside else store.open())
        yield store


@asynccontextmanager
async def opened_untouched(loaded: Loaded) -> AsyncIterator[Store]:
    """As `opened_to_copy`; refused where opening would change the schema, or make a store."""
    if steps := await store_of(loaded).plan():
        raise StartupError(
            f"its schema is not up to date ({steps[0]}): is it the right store? If so, "
            "`chatserver migrate` first"
        )
    async with opened_to_copy(loaded) as store:
        yield store


def data_folder(loaded: Loaded) -> DataFolder:
    """The folder with the data, locked. Raises `StartupError` if a server has it."""
    from chatserver.folders import DataFolder

    return DataFolder(Path(loaded.config.server.data).absolute())
