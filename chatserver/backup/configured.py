"""What the configuration says about backups, made into what this package works with."""

from pathlib import Path

from chatserver.backup.key import Key, configured_key
from chatserver.backup.owner import owner_for
from chatserver.backup.seal import seal_for
from chatserver.backup.shelf import Shelf
from chatserver.backup.take import Settings
from chatserver.config import BackupConfig, Config, Loaded
from chatserver.config.text import render_effective


def shelf_of(config: Config) -> Shelf:
    """Where the backups are; what root makes there is the server's."""
    data = Path(config.server.data)
    folder = Path(config.backup.folder or data / "backups")
    return Shelf(folder, owner_for(folder, data))


def checked_key(config: BackupConfig) -> Key | None:
    """The key, and what it takes to use it. Raises `BackupError`."""
    key = configured_key(config)
    seal_for(key, b"", "")  # where the library is missing, say so now
    return key


def settings_of(loaded: Loaded, share: float = 1.0) -> Settings:
    """How a backup is written; `share` of the time, see pace.py. Raises `BackupError`."""
    config = loaded.config
    return Settings(
        part_bytes=config.backup.part_mb << 20,
        key=checked_key(config.backup),
        configuration=render_effective(loaded, config.plugin),
        share=share,
    )
