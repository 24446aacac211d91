"""A configuration's store, for commands that work on it without a server."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chatserver.errors import StartupError

if TYPE_CHECKING:
    from chatserver.app import Server
    from chatserver.config import Loaded
    from chatserver.hooks.blobs import Blobs
    from chatserver.interfaces import Store
    from chatserver.process.folders import DataFolder

T = TypeVar("T")


def run_quietly(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. The log goes only to the console, as a server may be writing the files.

    SIGTERM ends the work as Ctrl+C does, so that its temporary files are removed.
    """
    from chatserver.config import LoggingConfig
    from chatserver.logging import setup

    writer = setup(LoggingConfig(level="warning", console="pretty", folder=""))
    try:
        return asyncio.run(_stoppable(work))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)  # as shells report it
    finally:
        writer.close()


async def _stoppable(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def store_of(loaded: Loaded) -> Store:
    """The store, not open yet. Raises `StartupError`."""
    from chatserver.app import Server

    return Server(loaded).store


def impatient(loaded: Loaded) -> Loaded:
    """The configuration with a store that does not wait for a database that is away."""
    from msgspec.structs import replace

    from chatserver.hooks.loading import plugin_settings

    sections = dict(loaded.config.plugin)
    for name, settings in plugin_settings(loaded.config).items():
        if name in loaded.config.plugins.enabled and "start_seconds" in settings:
            sections[name] = {**sections.get(name, {}), "start_seconds": 0}
    return loaded._replace(config=replace(loaded.config, plugin=sections))


@asynccontextmanager
async def opened_to_write(loaded: Loaded, server: Server | None = None) -> AsyncIterator[Store]:
    """The store, open. Refuses data that belongs to one process while a server has it.

    `server` is one of this configuration, so that it is that one's store.
    """
    from chatserver.app import Server
    from chatserver.cluster.wrappers import open_wrapped

    server = server or Server(loaded)
    async with AsyncExitStack() as stack:
        if server.store.is_private():
            stack.callback(data_folder(loaded).close)
        holding = await server.holding()
        stack.push_async_callback(server.store.close)
        await open_wrapped(server.store)
        if holding is not None:
            holding.note()
        yield server.store


@asynccontextmanager
async def opened_to_copy(loaded: Loaded, server: Server | None = None) -> AsyncIterator[Store]:
    """The store, open for reading, even while a server has the data to itself; `server` as in `opened_to_write`."""
    from chatserver.cluster.wrappers import open_wrapped

    store = server.store if server else store_of(loaded)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        try:
            if store.is_private():
                stack.callback(data_folder(loaded).close)
        except StartupError as taken:  # mostly by a server
            await _open_beside(store, taken)
        else:
            await open_wrapped(store)
        yield store


async def _open_beside(store: Store, taken: StartupError) -> None:
    """Open beside another process. Raises `StartupError` with both errors, as either may be the cause."""
    from chatserver.cluster.wrappers import open_wrapped_to_read

    try:
        await open_wrapped_to_read(store)
    except StartupError as error:
        raise StartupError(f"{taken}\n{error}") from error


@asynccontextmanager
async def opened_untouched(loaded: Loaded, server: Server | None = None) -> AsyncIterator[Store]:
    """Like `opened_to_copy`, but refuses if opening would change the schema, or make a store."""
    from chatserver.app import demand_up_to_date

    await demand_up_to_date(store_of(loaded))
    async with opened_to_copy(loaded, server) as store:
        yield store


@asynccontextmanager
async def opened_place(server: Server) -> AsyncIterator[Blobs | None]:
    """The place of the files of users, open, of a server whose store is open; None if no plugin provides one.

    Raises `StartupError`.
    """
    blobs = server.blobs
    if blobs is None:
        yield None
        return
    await blobs.open()
    try:
        yield blobs
    finally:
        await blobs.close()


@asynccontextmanager
async def opened_place_alone(loaded: Loaded) -> AsyncIterator[Blobs | None]:
    """As `opened_place`, without a store that the command needs; it is opened if the place cannot do without it."""
    from chatserver.app import Server

    server = Server(loaded)
    async with AsyncExitStack() as stack:
        if server.provided.blobs_need_store:
            await stack.enter_async_context(opened_untouched(loaded, server))
        yield await stack.enter_async_context(opened_place(server))


def data_folder(loaded: Loaded) -> DataFolder:
    """The folder with the data, locked. Raises `StartupError` if a server has it."""
    from chatserver.process.folders import DataFolder

    return DataFolder(Path(loaded.config.server.data).absolute())
