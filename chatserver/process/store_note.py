"""Notes which store a data folder holds, so that no server starts empty with another store by mistake."""

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
    """The note in one data folder, for the configured store plugin. The folder must be locked."""

    def __init__(self, folder: Path, plugin: str) -> None:
        self._folder, self._plugin = folder, plugin
        self._note = folder / NOTE
        self.is_lasting = False

    def holder(self, config: Config) -> str:
        """The plugin whose data the folder holds, "" if none. Raises `StartupError`."""
        try:
            return self._note.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return self._found(config)
        except (OSError, UnicodeDecodeError) as error:
            raise StartupError(f"server.data: {self._note}: {error}") from error

    async def demand(self, config: Config, store: Store) -> None:
        """Raises `StartupError` if the folder holds another store's data. Call it before `store.open`."""
        holder = self.holder(config)
        own = holder == self._plugin or _filled(self._folder / self._plugin)
        self.is_lasting = own or bool(await store.plan())  # a store in memory plans no steps
        if not self.is_lasting:
            return
        if holder not in ("", self._plugin):
            raise StartupError(
                f"server.data: {self._folder} holds the data of the store {holder}, but the configured "
                f"store is {self._plugin}, which would start empty: choose {holder} (--store {holder}, "
                "or plugins.enabled), or another folder (--data); `chatserver move` copies the data "
                "to another store"
            )
        if not holder:
            self._write("")

    def note(self) -> None:
        """Note this plugin as the folder's store. Call it once the store is open."""
        if self.is_lasting:
            self._write(self._plugin)

    def _found(self, config: Config) -> str:
        """The plugin whose data an older server left here without a note, in a folder named after it."""
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
        except OSError as error:  # such as a full disk; the note only prevents a later mistake
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
