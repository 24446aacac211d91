"""Backups that a server makes by itself, in one job of all nodes: see `chatserver.cluster.jobs`."""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from chatserver.config import Loaded
from chatserver.copies.backup.clearing import clear_vault
from chatserver.copies.backup.configured import keeping_of, settings_of, shelf_of
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.figures import BackupFigures
from chatserver.copies.backup.manifest import Manifest
from chatserver.copies.backup.newest import lacking, note_newest, warn
from chatserver.copies.backup.take import take
from chatserver.copies.backup.trust import Trust
from chatserver.hooks.blobs import Blobs
from chatserver.hooks.types import Job
from chatserver.interfaces import Store
from chatserver.runtime.measure import Measures

NAME = "backup"
SHARE = 0.5  # of the node's time, at most; the rest is for clients
START_SECONDS = 60.0  # after a start, while the server's clients are reconnecting
DEADLINE_SECONDS = 12 * 3600.0
STOP_SECONDS = 10.0
_QUIET = {"LOG_LEVEL": "warning", "PYTHONUNBUFFERED": "1"}


class BackupJob:
    """Makes a backup, removes old ones, and verifies the new one in a separate process."""

    def __init__(
        self,
        loaded: Loaded,
        store: Store,
        measures: Measures,
        node: str = "unknown",
        blobs: Blobs | None = None,
    ) -> None:
        """`node` is this node's name, `blobs` the place of the files of users. Raises `BackupError` if the key is invalid."""
        self._store, self._node = store, node
        self._config = loaded.config.backup
        self._shelf, self._settings = shelf_of(loaded.config), settings_of(loaded, SHARE)
        self._files = keeping_of(blobs, self._shelf, self._settings.key)
        self._trust = Trust(self._shelf, self._settings.key)
        self._started = time.monotonic()
        BackupFigures(self._shelf, self._settings.key, measures)

    def job(self) -> Job:
        return Job(
            name=NAME,
            every=self._config.every_hours * 3600,
            run=self.run,
            deadline=DEADLINE_SECONDS,
        )

    async def run(self) -> None:
        """Make a backup, rotate, and verify it if configured. Raises `BackupError`."""
        self._shelf.demand_usable()
        await asyncio.sleep(self._started + START_SECONDS - time.monotonic())
        path, manifest = await take(self._store, self._shelf, self._settings, files=self._files)
        events, files = manifest.counts.events, manifest.files
        logger.info("backup {}: {} events, {} files", path, events, files)
        await self._note(manifest)
        kept = self._config
        days, count, is_ours = kept.keep_days, kept.keep_count, self._trust.is_ours
        removed = await asyncio.to_thread(
            self._shelf.rotate, datetime.now(UTC), days, count, is_ours
        )
        for old in removed:
            logger.info("old backup {} removed", old)
        if self._config.verify:
            await self._verify(path)
        if cleared := await clear_vault(self._shelf, self._settings.key):
            logger.info("{} files removed beside the backups", cleared)

    async def _note(self, manifest: Manifest) -> None:
        """Record this backup as the newest of all nodes; warn if the one before is not in this folder."""
        backups = await asyncio.to_thread(self._shelf.all)
        others = [path for path in backups if path.name != manifest.name]
        if (newest := await lacking(self._store, others)) is not None:
            warn(newest, self._shelf.folder)
        await note_newest(self._store, manifest, self._node)

    async def _verify(self, path: Path) -> None:
        """Verify in another process: a restore keeps a core busy, and this process serves clients."""
        environ = {name: value for name, value in os.environ.items() if "CHATSERVER" not in name}
        given = {
            "CHATSERVER_BACKUP__KEY": self._config.key,
            "CHATSERVER_BACKUP__KEY_FILE": self._config.key_file,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chatserver", "backup", "verify", str(path)),
            env=environ | _QUIET | {name: value for name, value in given.items() if value},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, output = await process.communicate()
        finally:
            if process.returncode is None:  # this task was cancelled
                await _stopped(process)
        if process.returncode:
            reason = output.decode(errors="replace").strip() or f"status {process.returncode}"
            raise BackupError(f"{path} could not be verified: {reason}")


async def _stopped(process: asyncio.subprocess.Process) -> None:
    """Terminate the process, which has a scratch store to remove; kill it if it does not end in time."""
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
