"""Metrics of the backups in a folder, whichever process made them."""

import math
import time
from datetime import datetime

import msgspec

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.manifest import Manifest
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.trust import Trust
from chatserver.copies.backup.vaultfigures import VaultFigures
from chatserver.copies.backup.verify import verified_at
from chatserver.runtime.measure import Measures

FRESH_SECONDS = 10.0  # so that a scrape, which reads all metrics, reads the disk once


class _Seen(msgspec.Struct, frozen=True):
    """Facts about our own backups. Times are Unix times; 0 means never."""

    manifest: Manifest | None = None
    succeeded: float = 0.0
    verified: float = 0.0
    count: int = 0
    foreign: int = 0


class BackupFigures:
    """Registers the metrics; their values are read at each scrape."""

    def __init__(self, shelf: Shelf, key: Key | None, measures: Measures) -> None:
        self._trust = Trust(shelf, key)
        VaultFigures(shelf.folder, measures)
        self._seen, self._looked = _Seen(), -math.inf
        measures.gauge(
            "chatserver_backup_last_success_timestamp_seconds",
            "Time at which the newest backup was complete; 0: there is none",
            lambda: self._look().succeeded,
        )
        measures.gauge(
            "chatserver_backup_age_seconds",
            "Age of the newest backup, counted from its beginning",
            lambda: time.time() - self._begun(),
        )
        measures.gauge(
            "chatserver_backup_size_bytes",
            "Size of the newest backup",
            lambda: found.bytes if (found := self._look().manifest) else 0,
        )
        measures.gauge(
            "chatserver_backup_duration_seconds",
            "Time that the newest backup took",
            lambda: found.seconds if (found := self._look().manifest) else 0.0,
        )
        measures.gauge(
            "chatserver_backup_last_verified_timestamp_seconds",
            "Time at which a backup that still exists was last verified; 0: never",
            lambda: self._look().verified,
        )
        measures.gauge("chatserver_backups", "Backups there are", lambda: self._look().count)
        measures.gauge(
            "chatserver_backups_foreign",
            "Backups that are not sealed with the key or cannot be read; the other metrics leave them out",
            lambda: self._look().foreign,
        )

    def _begun(self) -> float:
        found = self._look().manifest
        return unix(found.begun) if found else 0.0

    def _look(self) -> _Seen:
        now = time.monotonic()
        if now - self._looked >= FRESH_SECONDS:
            self._seen, self._looked = seen(self._trust), now
        return self._seen


def seen(trust: Trust) -> _Seen:
    """Facts about the folder's backups. A folder that cannot be read counts as empty, so that alerts fire."""
    try:
        ours, foreign = trust.look()
    except ArchiveError:
        return _Seen()
    newest = next(reversed(ours.values()), None)
    verified = [unix(at) for backup in ours if (at := verified_at(backup))]
    succeeded = unix(newest.ended) if newest else 0.0
    return _Seen(newest, succeeded, max(verified, default=0.0), len(ours), len(foreign))


def unix(text: str) -> float:
    """An RFC 3339 time as a Unix time; 0 if it is not one."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
