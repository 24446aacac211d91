"""The work of `chatserver check`: all steps of a server's start, without serving.

Nothing is changed: if opening a store would change its schema, only its plan is read.
"""

import asyncio
import tempfile
from pathlib import Path

from msgspec.structs import replace

from chatserver.app import Server
from chatserver.cli.targets import target_at
from chatserver.config import Loaded
from chatserver.copies.backup.configured import checked_key
from chatserver.errors import (
    BlobsUnavailable,
    FolderInUse,
    PortTaken,
    StartupError,
    StoreUnavailable,
)
from chatserver.hooks.blobs import Blobs
from chatserver.hooks.loading import discover
from chatserver.interfaces import Bus
from chatserver.process.folders import DataFolder, demand_writable
from chatserver.web.listening import bind

BUS_SECONDS = 5.0
IN_MEMORY = "memory"  # the plugin that stores in memory only


def rehearse(server: Server) -> None:
    """Make what needs no other server: hooks, routes, schemas, page, keys. Raises `StartupError`."""
    server.prepare()
    checked_key(server.config.backup)


async def rehearse_connected(loaded: Loaded) -> list[str]:
    """Rehearse, then open the store, start the plugins, reach the bus and the place of files, take the port.

    Returns notes for the operator. If a server runs on the same data folder, steps that only one process
    can do are skipped. Raises `StartupError`.
    """
    server = Server(loaded)
    rehearse(server)
    running = _folders(loaded)
    await _targets(loaded)
    notes = [*_port(loaded, running), *await _bus(server.provided.bus())]
    notes += await _blobs(server.blobs)
    if running and server.store.is_private():
        return [*notes, f"The store was not tried: {running}."]
    return [*notes, *await _store(loaded, server)]


def _folders(loaded: Loaded) -> str:
    """A note if a server has the data folder, else "". Raises `StartupError` if it is unusable."""
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
        return [f"A server runs on this data folder, and it or another one has the port: {error}."]
    for each in sockets:
        each.close()
    return []


async def _bus(bus: Bus | None) -> list[str]:
    """Note a bus that does not answer: a server starts without it, but that is rarely intended."""
    if bus is None:
        return []
    reached = asyncio.Event()
    await bus.open(lambda frame: None, reached.set)
    try:
        async with asyncio.timeout(BUS_SECONDS):
            await reached.wait()
    except TimeoutError:
        return [f"The bus does not answer within {BUS_SECONDS:g} s: a server would run without it."]
    finally:
        await bus.close()
    return []


async def _blobs(blobs: Blobs | None) -> list[str]:
    """Note a place of files that does not answer: a server starts without it. Raises `StartupError`."""
    if blobs is None:
        return []
    await blobs.open()
    try:
        await blobs.list(limit=1)
    except BlobsUnavailable as error:
        return [
            f"The place of the files does not answer: {error.reason}. A server would show none."
        ]
    finally:
        await blobs.close()
    return []


async def _targets(loaded: Loaded) -> None:
    """Raises `StartupError` with all targets of backups that do not answer, or refuse what their URLs ask for."""
    problems = []
    for url in loaded.config.backup.targets:
        target, _ = target_at(url, loaded.config)
        try:
            await target.folders()
        except StartupError as error:
            problems.append(f"backup.targets: {error}")
        finally:
            await target.close()
    if problems:
        raise StartupError("\n".join(problems))


async def _store(loaded: Loaded, server: Server) -> list[str]:
    if steps := await server.provided.store().plan():
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
    """Start the plugins and make a test write to the store. Raises `StartupError`."""
    try:
        async with server.opened(beside=True):
            await server.service.ping()
    except StoreUnavailable as error:
        raise StartupError(f"the store: {error.text}: {error.reason}") from error


def _in_memory(loaded: Loaded, store: str, folder: str) -> Loaded:
    """The configuration with a store in memory, to try the other plugins."""
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
