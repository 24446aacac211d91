"""Makes this package's objects from the configuration's section on backups."""

from pathlib import Path

from loguru import logger

from chatserver.cluster.wrappers import is_sealed
from chatserver.config import BackupConfig, Config, Loaded
from chatserver.config.text import render_effective
from chatserver.copies.backup.erasures import ErasureLedger
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.keeping import Keeping
from chatserver.copies.backup.key import Key, configured_key
from chatserver.copies.backup.owner import owner_for
from chatserver.copies.backup.seal import seal_for
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.take import BackupSettings
from chatserver.copies.backup.vault import Vault
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store


def shelf_of(config: Config) -> Shelf:
    """The configured folder of backups; root hands the files it makes there over to the server's user."""
    data = Path(config.server.data)
    folder = Path(config.backup.folder or data / "backups")
    return Shelf(folder, owner_for(folder, data))


def erasures_of(config: Config) -> ErasureLedger:
    """The ledger of erasures beside the configured backups. Raises `BackupError`."""
    shelf = shelf_of(config)
    return ErasureLedger(shelf.folder, configured_key(config.backup), shelf.owner)


def checked_key(config: BackupConfig) -> Key | None:
    """The configured key. Raises `BackupError`, also if the library for encryption is missing."""
    key = configured_key(config)
    seal_for(key, b"", "")  # raises now if the library is missing
    return key


def demand_sealed(store: Store, config: BackupConfig) -> None:
    """Raises `BackupError` if a plugin encrypts the store and backups of it would be plain."""
    if is_sealed(store) and configured_key(config) is None:
        raise BackupError(
            "backup.key_file: required, as a plugin encrypts the store, and a backup without a key would have "
            "everything in clear"
        )


def keeping_of(place: Blobs | None, shelf: Shelf, key: Key | None) -> Keeping | None:
    """What keeps the files of a place in the vault of a shelf, and logs those that are lost."""
    if place is None:
        return None
    return Keeping(
        place, Vault(shelf.folder, key, shelf.owner), lambda lost: logger.error("missing: {}", lost)
    )


def settings_of(loaded: Loaded, share: float = 1.0) -> BackupSettings:
    """Settings for writing a backup; `share` as in pace.py. Raises `BackupError`."""
    config = loaded.config
    return BackupSettings(
        part_bytes=config.backup.part_mb << 20,
        key=checked_key(config.backup),
        configuration=render_effective(loaded, config.plugin),
        share=share,
    )
