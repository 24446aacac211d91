"""Metrics of the vault in a folder of backups: how many files of users there are, and how large they are."""

import math
import threading
import time
from pathlib import Path

from loguru import logger

from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.vault import Vault
from chatserver.runtime.measure import Labels, Measures

FRESH_SECONDS = 10.0  # so that a scrape, which reads all metrics, counts once
SHARE = 0.01  # of the time, at most, that counting takes, however many files there are


class VaultFigures:
    """Registers the metrics. A scrape gets the last numbers, and has them counted anew in a thread if they are old."""

    def __init__(self, backups: Path, measures: Measures) -> None:
        self._vault = Vault(backups, None)  # names and sizes need no key
        self._seen: tuple[int, int] | None = None  # number of files, and bytes
        self._due = -math.inf
        self._counting: threading.Thread | None = None
        measures.gauge(
            "chatserver_backup_files",
            "Files of users beside the backups, for all of them; each content counts once",
            lambda: self._numbers(0),
        )
        measures.gauge(
            "chatserver_backup_files_bytes",
            "Size of the files of users beside the backups",
            lambda: self._numbers(1),
        )

    def _numbers(self, which: int) -> dict[Labels, float]:
        """One of the numbers; none before they were first counted, or while the folder cannot be read."""
        is_idle = self._counting is None or not self._counting.is_alive()
        if is_idle and time.monotonic() >= self._due:
            self._counting = threading.Thread(target=self._count, name="vault", daemon=True)
            self._counting.start()
        return {} if self._seen is None else {(): self._seen[which]}

    def _count(self) -> None:
        began = time.monotonic()
        try:
            found = self._vault.files()
            self._seen = len(found), sum(found.values())
        except BackupError as error:
            logger.warning("files beside the backups are not counted: {}", error)
            self._seen = None
        now = time.monotonic()
        self._due = now + max(FRESH_SECONDS, (now - began) / SHARE)
