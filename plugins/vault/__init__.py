"""Encryption at rest: contents are sealed before they reach the store, whichever store it is."""

from collections.abc import Sequence
from pathlib import Path
from weakref import WeakSet

import click

from chatserver import (
    Blobs,
    Context,
    Job,
    Powers,
    RunInServer,
    Service,
    Store,
    from_extra,
    hookimpl,
)
from chatserver_plugins.vault.caretaking import Caretaker
from chatserver_plugins.vault.commands import commands, done
from chatserver_plugins.vault.config import VaultConfig
from chatserver_plugins.vault.files import FileKeys, SealedBlobs
from chatserver_plugins.vault.keyring import Keyring
from chatserver_plugins.vault.masters import Master, Masters, from_file, from_text
from chatserver_plugins.vault.requests import Desk
from chatserver_plugins.vault.store import SealedStore
from chatserver_plugins.vault.transit import TransitMaster

EVERY_SECONDS = 30.0  # how soon the sealing after a rotation begins, or goes on
SEAL_SECONDS = 20.0  # of it at a time
REQUESTS = "requests"


class Servers:
    """See `caretaking.Nodes`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def forget(self, room: str) -> None:
        await self._service.changes.announce("erased", f"{room}/")

    async def clean(self, room: str, seqs: Sequence[int]) -> None:
        await self._service.cleanings.clean(room, seqs)


class VaultPlugin:
    """Seals what people write, wherever the store puts it, with keys that a master key wraps."""

    Config = VaultConfig
    powers = Powers(
        network=("configured", "*.amazonaws.com", "169.254.169.254"),
        secrets=(
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_SECURITY_TOKEN",
        ),
        service=("changes.announce", "cleanings.clean"),
    )

    def __init__(self, config: VaultConfig, shared: Path) -> None:
        self._config, self._folder = config, shared / REQUESTS
        self._stores: WeakSet[SealedStore] = WeakSet()
        self._file_keys = FileKeys(self._opened)
        self._desk: Desk | None = None
        self._context: Context | None = None

    @hookimpl
    def wrap_store(self, store: Store) -> Store:
        sealed = SealedStore(store, Keyring(store, self._masters(), self._config.keys_in_memory))
        self._stores.add(sealed)
        return sealed

    @hookimpl
    def wrap_blobs(self, blobs: Blobs) -> Blobs:
        return SealedBlobs(blobs, self._file_keys)

    @hookimpl
    def register_jobs(self) -> Sequence[Job]:
        return [Job(name="vault", every=EVERY_SECONDS, run=self._seal, deadline=120.0)]

    @hookimpl
    def register_cli(self, run: RunInServer) -> click.Command:
        return commands(run, self._folder, self._caretaker)

    @hookimpl
    async def startup(self, context: Context) -> None:
        self._context = context
        if self._open().is_private():
            self._desk = Desk(self._folder, lambda asked: done(self._caretaker(context), asked))
            self._desk.start()

    @hookimpl
    async def shutdown(self) -> None:
        if self._desk is not None:
            await self._desk.stop()

    async def _seal(self) -> None:
        assert self._context is not None
        await self._caretaker(self._context).seal(SEAL_SECONDS)

    def _caretaker(self, context: Context) -> Caretaker:
        return Caretaker(self._open(), Servers(context.service))

    def _open(self) -> SealedStore:
        """The store that the server has opened; others were only asked for their plan."""
        store = self._opened()
        assert store is not None
        return store

    def _opened(self) -> SealedStore | None:
        return next((store for store in self._stores if store.ring.is_open), None)

    def _masters(self) -> Masters:
        """Raises `StartupError`."""
        config = self._config
        found: dict[str, Master] = {}
        if config.key:
            found["file"] = from_text(config.key, "plugin.vault.key", "plugin.vault.key")
        elif config.key_file:
            found["file"] = from_file(config.key_file, "key_file")
        if config.kms_key_id:
            with from_extra("s3", "botocore"):
                from chatserver_plugins.vault.kms import KmsMaster
            found["kms"] = KmsMaster(config)
        if config.transit_key_name:
            found["transit"] = TransitMaster(config)
        present = found.pop(config.master) if config.master else found.popitem()[1]
        older = [from_file(path, "old_key_files") for path in config.old_key_files]
        return Masters(present, [*found.values(), *older])


__all__ = ["VaultPlugin"]
