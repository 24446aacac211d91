"""The installation of a drill, and the operator's commands on it."""

import asyncio
import re
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from chatserver.app import Server
from chatserver.config import Config, Loaded, load
from chatserver.copies.backup.erasures import FOLDER as ERASURES
from chatserver.copies.backup.erasures import ErasureLedger
from chatserver.copies.backup.manifest import FILE as MANIFEST
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.vault import FOLDER as VAULT
from chatserver.copies.backup.vault import Vault
from chatserver.copies.drill import erased
from chatserver.copies.drill.files import check_files, take_files
from chatserver.copies.drill.filling import Progress, fill
from chatserver.copies.drill.served import Served
from chatserver.copies.targets.enabled import enabled_schemes
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.reading import names
from chatserver.copies.targets.urls import name_of, target_of
from chatserver.errors import StartupError
from chatserver.hooks.blobs import Blobs
from chatserver.hooks.loading import survey
from chatserver.interfaces import Store
from chatserver.process.folders import DataFolder

TARGET_SECONDS = 3600.0  # for the first copy, which may be large
POLL_SECONDS = 0.2
PLACE = "disk_blobs"  # of files, in the scratch installation's data folder
_RESTORED = re.compile(r"^Restored ([\d,]+) events", re.MULTILINE)


class Scratch:
    """A scratch installation on a configuration's store, apart from the configured installation.

    It has the store's plugin, `password`, and the settings that matter for a restore. All its files are in
    `folder`, which is empty at first.
    """

    def __init__(
        self,
        source: str | None,
        overrides: Mapping[str, object],
        folder: Path,
        name: str,
        target: str = "",
    ) -> None:
        """`target` is the URL from which to restore. Raises `StartupError` if the configuration allows no scratch installation."""
        self._source, self.folder, self.port = source, folder, free_port()
        self.data, self.backups = folder / "data", folder / "backups"
        meant = load(source, overrides=overrides)
        self._target = target
        self._schemes = schemes_of(meant.config) if target else []
        self.ship_seconds = meant.config.backup.ship_seconds
        self.store_name = store_plugin(meant.config)
        where = store_of(meant).scratch(name)
        self._overrides = {**overrides, **self._settings(), **where}
        self.touches = self._touched(where)
        self.server = Served(self._command("serve"), self.port)

    def _settings(self) -> dict[str, object]:
        return {
            "plugins.enabled": ",".join((self.store_name, "password", PLACE, *self._schemes)),
            f"plugin.{PLACE}.path": "",
            f"plugin.{PLACE}.min_free_percent": "0",
            "blobs.place": "",
            "blobs.former": "",
            "server.host": "127.0.0.1",
            "server.port": str(self.port),
            "server.data": str(self.data),
            "server.registration": "open",
            "server.roles": "connections,jobs",
            "server.drain_seconds": "0.1",
            "server.tls_certificate": "",
            "server.tls_key": "",
            "limits.registrations_per_hour": "0",
            "limits.requests_per_second": "0",
            "logging.console": "off",
            "logging.folder": str(self.folder / "logs"),
            "backup.folder": str(self.backups),
            "backup.every_hours": "0",
            "backup.targets": self._target,  # never the configured ones
        }

    def _touched(self, where: Mapping[str, object]) -> str:
        given = ", ".join(f"{key} = {value}" for key, value in where.items() if value)
        return (
            f"the folder {self.folder}"
            + (f", and {given} of {self.store_name}" if given else "")
            + (f", and the target {self.target_name}" if self._target else "")
        )

    @property
    def target_name(self) -> str:
        """The target's URL without its parameters; "" without a target."""
        return name_of(self._target) if self._target else ""

    # -- commands, each in a process of its own ----------------------------------------------------

    async def backup(self) -> None:
        """Make a backup."""
        await self._run("backup", "--no-rotate")

    async def restore(self) -> int:
        """Restore the newest backup with its increments. Returns the number of events."""
        output = await self._run("restore", self._target or str(self.backups))
        found = _RESTORED.search(output)
        if found is None:
            raise StartupError(f"chatserver restore said {output!r}")
        return int(found[1].replace(",", ""))

    async def _run(self, name: str, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *self._command(name, *arguments), stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        try:
            output, errors = await process.communicate()
        finally:
            if process.returncode is None:  # this task was cancelled
                process.kill()
                await process.communicate()
        if process.returncode:
            raise StartupError(f"chatserver {name}: {errors.decode(errors='replace').strip()}")
        return output.decode()

    def _command(self, name: str, *arguments: str) -> Sequence[str]:
        """`arguments` may begin with the name of a subcommand."""
        source = ["-c", self._source] if self._source else []
        given = [f"--set={key}={text(value)}" for key, value in self._overrides.items()]
        return [sys.executable, "-m", "chatserver", name, *arguments, *source, *given]

    # -- the store, while no server runs -----------------------------------------------------------

    async def fill(self, rooms: range, progress: Progress) -> int:
        """Fill the store (`filling.py`), and the place of its files. Returns the number of events."""
        async with self._opened() as (store, place):
            await take_files(store, place)
            return await fill(store, rooms, progress)

    async def check_files(self) -> int:
        """Read all files; returns their number. Raises `StartupError` if one is not as it was."""
        async with self._opened() as (store, place):
            return await check_files(store, place)

    async def plant(self, number: int) -> None:
        """Add the account with this number, which is to be erased (`erased.py`)."""
        async with self._opened() as (store, _):
            await erased.plant(store, number)

    async def erase(self, number: int) -> None:
        """Erase that account, as an operator does."""
        await self._run("privacy", "erase", erased.person(number).id, "--messages=redact", "--yes")

    async def events_of_erased(self, numbers: Sequence[int]) -> int:
        """The number of events in the rooms of these accounts."""
        async with self._opened() as (store, _):
            return sum((await store.heads([*map(erased.room_of, numbers)])).values())

    async def demand_gone(self, numbers: Sequence[int]) -> None:
        """Raises `StartupError` if one of these accounts is there again."""
        async with self._opened() as (store, _):
            for number in numbers:
                await erased.demand_gone(store, number)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[Store, Blobs]]:
        """The store and the place of its files, while no server runs."""
        async with AsyncExitStack() as stack:
            stack.callback(DataFolder(self.data).close)
            server = Server(load(self._source, overrides=self._overrides))
            assert server.blobs is not None
            for part in (server.store, server.blobs):
                stack.push_async_callback(part.close)
                await part.open()
            yield server.store, server.blobs

    async def destroy(self) -> None:
        """Remove all data of the store, and the data folder."""
        store = self._store()
        if not store.is_private():
            try:
                await store.open()
                await store.erase()
            finally:
                await store.close()
        lost = (self.data, self.backups) if self._target else (self.data,)
        for folder in lost:
            if folder.exists():
                await asyncio.to_thread(shutil.rmtree, folder)

    # -- the target --------------------------------------------------------------------------------

    @asynccontextmanager
    async def _opened_target(self) -> AsyncIterator[Guarded]:
        config = load(self._source, overrides=self._overrides).config
        target = Guarded(
            target_of(self._target, enabled_schemes(config)), config.backup.target_timeout_seconds
        )
        try:
            yield target
        finally:
            await target.close()

    async def demand_empty_target(self) -> None:
        """Raises `StartupError` if the target holds a backup, which the drill would mix up with its own."""
        if not self._target:
            return
        async with self._opened_target() as target:
            if await names(target):
                raise StartupError(f"--target {target.name}: it holds backups: use an empty place")

    async def await_target(self) -> None:
        """Wait until the target has the newest backup and its files. Raises `TimeoutError`."""
        if not self._target:
            return
        newest = Shelf(self.backups).all()[-1].name
        files = await asyncio.to_thread(Vault(self.backups, None).files)
        lines = await asyncio.to_thread(ErasureLedger(self.backups, None).files)
        async with self._opened_target() as target, asyncio.timeout(TARGET_SECONDS):
            while True:
                if await target.size(f"{newest}/{MANIFEST}") is not None:
                    there = await target.list(VAULT)
                    noted = await target.list(ERASURES) if lines else {}
                    wanted = {f"{VAULT}/{name}" for name in files}
                    wanted |= {f"{ERASURES}/{name}" for name in lines}
                    if wanted <= there.keys() | noted.keys():
                        return
                await asyncio.sleep(POLL_SECONDS)

    async def clear_target(self) -> None:
        """Remove the drill's backups; locked ones stay until their locks run out."""
        if not self._target:
            return
        async with self._opened_target() as target:
            for name in (*await names(target), VAULT, ERASURES):
                for each in await target.list(name):
                    await target.delete(each)

    def _store(self) -> Store:
        return store_of(load(self._source, overrides=self._overrides))

    # -- increments --------------------------------------------------------------------------------

    def shipped_bytes(self) -> int:
        """Size of all increments, which grows with each round."""
        files = self.backups.glob("chatserver-*/increments/*")
        return sum(path.stat().st_size for path in files)


def schemes_of(config: Config) -> list[str]:
    """The enabled plugins that have backup targets."""
    rows = (row for row in survey(config) if row.enabled)
    return [row.name for row in rows if "register_backup_schemes" in row.hooks]


def store_of(loaded: Loaded) -> Store:
    return Server(loaded).store


def store_plugin(config: Config) -> str:
    """The name of the plugin that provides the store."""
    found = (row.name for row in survey(config) if row.enabled and "provide_store" in row.hooks)
    name = next(found, None)
    if name is None:
        raise StartupError("plugins.enabled: none of these plugins provides a store")
    return name


def text(value: object) -> str:
    """A value in the form that --set takes."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
