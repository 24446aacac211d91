"""Figures about the backups in a folder, whoever made them."""

import math
import time
from datetime import datetime

import msgspec

from chatserver.archive.errors import ArchiveError
from chatserver.backup.key import Key
from chatserver.backup.manifest import Manifest
from chatserver.backup.shelf import Shelf
from chatserver.backup.trust import Trust
from chatserver.backup.verify import verified_at
from chatserver.measure import Measures

FRESH_SECONDS = 10.0  # a scrape reads all figures, and looks at the disk once


class _Seen(msgspec.Struct, frozen=True):
    """What there is of ours. Times are Unix times; 0 is never."""

    manifest: Manifest | None = None
    succeeded: float = 0.0
    verified: float = 0.0
    count: int = 0
    foreign: int = 0


class BackupFigures:
    """Registers the measures; they are read when somebody asks."""

    def __init__(self, shelf: Shelf, key: Key | None, measures: Measures) -> None:
        self._trust = Trust(shelf, key)
        self._seen, self._looked = _Seen(), -math.inf
        measures.gauge(
            "chatserver_backup_last_success_timestamp_seconds",
            "When the newest backup was complete; 0: there is none",
            lambda: self._look().succeeded,
        )
        measures.gauge(
            "chatserver_backup_age_seconds",
            "How old what the newest backup holds is",
            lambda: time.time() - self._begun(),
        )
        measures.gauge(
            "chatserver_backup_size_bytes",
            "Size of the newest backup",
            lambda: found.bytes if (found := self._look().manifest) else 0,
        )
        measures.gauge(
            "chatserver_backup_duration_seconds",
            "How long the newest backup took",
            lambda: found.seconds if (found := self._look().manifest) else 0.0,
        )
        measures.gauge(
            "chatserver_backup_last_verified_timestamp_seconds",
            "When a backup that is still there was found whole last; 0: never",
            lambda: self._look().verified,
        )
        measures.gauge("chatserver_backups", "Backups there are", lambda: self._look().count)
        measures.gauge(
            "chatserver_backups_foreign",
            "Backups there that are not sealed with the key, or cannot be read: no figure counts them",
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
    """A folder that cannot be read is as good as an empty one: that is what alerts are about."""
    try:
        ours, foreign = trust.look()
    except ArchiveError:
        return _Seen()
    newest = next(reversed(ours.values()), None)
    verified = [unix(at) for backup in ours if (at := verified_at(backup))]
    succeeded = unix(newest.ended) if newest else 0.0
    return _Seen(newest, succeeded, max(verified, default=0.0), len(ours), len(foreign))


def unix(text: str) -> float:
    """A time as backups have it; 0 where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
