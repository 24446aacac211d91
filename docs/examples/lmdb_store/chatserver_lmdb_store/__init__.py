"""A store in LMDB: one file, which all servers of a machine may use at the same time."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from chatserver import Powers, Settings, Store, hookimpl
from chatserver_lmdb_store.store import LmdbStore


class Plugin:
    """Provides the store."""

    class Config(Settings, frozen=True, kw_only=True):
        path: Annotated[
            str,
            Meta(
                description="Folder of the file, on a local disk. Empty: `lmdb_store` in the "
                "server's data folder."
            ),
        ] = ""
        map_gib: Annotated[
            int,
            Meta(
                description="Most GiB that the file may have; no more than it needs is taken.", ge=1
            ),
        ] = 64
        timeout_ms: Annotated[
            int, Meta(description="Time limit for each call, in milliseconds.", ge=100, le=60_000)
        ] = 2500

    powers = Powers()

    def __init__(self, config: Config, data: Path) -> None:
        self._config, self._data = config, data

    @hookimpl
    def provide_store(self) -> Store:
        path = Path(self._config.path) if self._config.path else self._data / "lmdb_store"
        return LmdbStore(path.resolve(), self._config.map_gib, self._config.timeout_ms / 1000)
