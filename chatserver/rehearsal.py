"""What `chatserver check` does: all that a server does when it starts, short of serving anybody.

Nothing is changed: a store whose schema a server would bring up to date is asked, not opened.
"""

import asyncio
import tempfile
from pathlib import Path

from msgspec.structs import replace

from chatserver.app import Server
from chatserver.backup.configured import checked_key
from chatserver.config import Loaded
from chatserver.errors import FolderInUse, PortTaken, StartupError, StoreUnavailable
from chatserver.folders import DataFolder, demand_writable
from chatserver.interfaces import Bus
from chatserver.plugins import discover
from chatserver.web.listening import bind

BUS_SECONDS = 5.0
IN_MEMORY = "memory"  # the plugin that stores nowhere


def rehearse(loaded: Loaded) -> Server:
    """Make everything that needs nobody else: hooks, routes, schemas, page, keys. Raises `StartupError`."""
    server = Server(loaded)
    server.prepare()
    checked_key(loaded.config.backup)
    return server


async def rehearse_connected(loaded: Loaded) -> list[str]:
    """Also open the store, start the plugins, reach the bus, take the port. Raises `StartupError`.

    Returns what is to be known of it. Where a server runs on the same data folder, it keeps what is
    for one process.
    """
    server = rehearse(loaded)
    running = _folders(loaded)
    notes = [*_port(loaded, running), *await _bus(server.hooks.provide_bus())]
    if running and server.store.is_private():
        return [*notes, f"The store is not tried: {running}."]
    return [*notes, *await _store(loaded, server)]


def _folders(loaded: Loaded) -> str:
    """Who has the data folder, if another server does. Raises `StartupError` where it is of no use."""
    folder = Path(loaded.config.server.data).absolute()
    demand_writable(folder, "server.data")
    if loaded.config.logging.folder:
        demand_writable(Path(loaded.config.logging.folder).absolute(), "logging.folder")
    if not folder.exists():
        return ""
    try:
        DataFolder(folder).close()
    except FolderInUse as error:
        return str(error)
    return ""


def _port(loaded: Loaded, running: str) -> list[str]:
    try:
        sockets = bind(loaded.config)
    except PortTaken as error:
        if not running:
            raise
        return [f"A server runs on this data folder, and has the port, or another one: {error}."]
    for each in sockets:
        each.close()
    return []


async def _bus(bus: Bus | None) -> list[str]:
    """A bus that is away keeps no server from starting, but is seldom meant."""
    if bus is None:
        return []
    reached = asyncio.Event()
    await bus.open(lambda frame: None, reached.set)
    try:
        async with asyncio.timeout(BUS_SECONDS):
            await reached.wait()
    except TimeoutError:
        return [
            f"The bus does not answer within {BUS_SECONDS:g} s: a server would work without it."
        ]
    finally:
        await bus.close()
    return []


async def _store(loaded: Loaded, server: Server) -> list[str]:
    if steps := await server.hooks.provide_store().plan():
        if loaded.config.server.migrate == "by_command":
            raise StartupError(f"the store's schema needs `chatserver migrate` first: {steps[0]}")
        await server.holding()
        if IN_MEMORY in discover(loaded.config):
            with tempfile.TemporaryDirectory() as folder:
                await _opened(Server(_in_memory(loaded, server.store_plugin, folder)))
        return [f"The server would begin with: {step}" for step in steps]
    await _opened(server)
    return []


async def _opened(server: Server) -> None:
    """Have the plugins start, and the store take a write. Raises `StartupError`."""
    try:
        async with server.opened(beside=True):
            await server.service.ping()
    except StoreUnavailable as error:
        raise StartupError(f"the store: {error.text}: {error.reason}") from error


def _in_memory(loaded: Loaded, store: str, folder: str) -> Loaded:
    """The configuration with a store that is there at once, to try the other plugins with."""
    config = loaded.config
    names = [IN_MEMORY if name == store else name for name in config.plugins.enabled]
    return loaded._replace(
        config=replace(
            config,
            plugins=replace(config.plugins, enabled=names),
            server=replace(config.server, data=folder),
        )
    )


__all__ = ["rehearse", "rehearse_connected"]
