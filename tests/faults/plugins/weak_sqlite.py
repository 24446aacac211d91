"""SQLite made careless, as a control: nothing is waited for until it is on the disk."""

from pathlib import Path

from chatserver_plugins.sqlite import SqlitePlugin, database


class Plugin(SqlitePlugin):
    """Commits without a sync."""

    def __init__(self, config: SqlitePlugin.Config, data: Path) -> None:
        database.SYNCHRONOUS = "OFF"
        super().__init__(config, data)
