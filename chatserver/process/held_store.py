"""Notes which store a data folder holds, so that nobody starts an empty server with another by mistake."""

import contextlib
from pathlib import Path

from loguru import logger

from chatserver.config import Config
from chatserver.errors import StartupError
from chatserver.hooks.loading import Source, discover, load_class
from chatserver.interfaces import Store
from chatserver.process.folders import give_back

NOTE = ".store"  # the file in the data folder that names the store's plugin


class Holding:
    """The note in one data folder, for the store's present plugin. The folder must be locked."""

    def __init__(self, folder: Path, plugin: str) -> None:
        self._folder, self._plugin = folder, plugin
        self._note = folder / NOTE
        self._lasting = False

    def holder(self, config: Config) -> str:
        """The plugin whose data is here, "" without data. Raises `StartupError`."""
        try:
            return self._note.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return self._found(config)
        except (OSError, UnicodeDecodeError) as error:
            raise StartupError(f"server.data: {self._note}: {error}") from error

    async def demand(self, config: Config, store: Store) -> None:
        """Raises `StartupError` if another store's data is here. Call it before `store.open`."""
        holder = self.holder(config)
        own = holder == self._plugin or _filled(self._folder / self._plugin)
        self._lasting = own or bool(await store.plan())  # a store in memory plans no steps
        if not self._lasting:
            return
        if holder not in ("", self._plugin):
            raise StartupError(
                f"server.data: {self._folder} holds the data of the store {holder}, and "
                f"{self._plugin} is chosen, which would begin with nothing: choose {holder} "
                f"(--store {holder}, or plugins.enabled), or another folder (--data); `chatserver "
                "move` takes what is here to another store"
            )
        if not holder:
            self._write("")

    def note(self) -> None:
        """Note that the store of this plugin is here. Call it once the store is open."""
        if self._lasting:
            self._write(self._plugin)

    def _found(self, config: Config) -> str:
        """The plugin whose data a server without notes left here, below the plugin's name."""
        if _filled(self._folder / self._plugin):
            return self._plugin
        sources = discover(config)
        for name in sorted(sources):
            if _filled(self._folder / name) and _stores(sources[name]):
                return name
        return ""

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if self._note.read_text(encoding="utf-8").strip() == text:
                return
        try:
            temporary = self._note.with_suffix(".new")
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text and f"{text}\n")
                give_back(file.fileno(), self._folder)
            temporary.replace(self._note)
        except OSError as error:  # a full disk; the note only helps against a later wrong choice
            logger.warning("cannot write {}: {}", self._note, error.strerror)


def _filled(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _stores(source: Source) -> bool:
    """Whether this plugin provides a store; False if it cannot be imported."""
    try:
        return hasattr(load_class(source), "provide_store")
    except StartupError:
        return False


__all__ = ["NOTE", "Holding"]
