"""The targets of a server, each served by a task of its own, and their metrics."""

import asyncio
import functools
from collections.abc import Callable, Sequence

from chatserver.cluster.leases import Lease, Leases
from chatserver.config import BackupConfig, Config
from chatserver.copies.backup.configured import checked_key, shelf_of
from chatserver.copies.backup.shipper import LEASE
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.mirror import Mirror, MirrorSettings, ages
from chatserver.copies.targets.urls import configured_targets
from chatserver.hooks.targets import BackupScheme
from chatserver.runtime.cancelling import end
from chatserver.runtime.measure import Labels, Measures

SHIPPING_SECONDS = 1.0  # between two looks for shipped changes, which cost one stat(2)
IDLE_SECONDS = 30.0  # between two looks for a new backup, where no changes are shipped
TASK = "backup targets"


class Mirrors:
    """All targets. They are served by the node that makes the backups and ships the changes."""

    def __init__(self, mirrors: Sequence[Mirror], measures: Measures) -> None:
        self.all = mirrors
        self._acting = False
        self._lease: Lease | None = None
        self._task: asyncio.Task[None] | None = None
        self._register(measures)

    def start(self, leases: Leases) -> None:
        """Serve the targets whenever this node has the lease."""
        self._lease = leases.lease(LEASE)
        self._task = asyncio.create_task(self._lease.while_held(self.run), name=TASK)

    async def stop(self) -> None:
        if self._task is None or self._lease is None:
            return
        if await end({TASK: self._task}):
            self._lease.lose()

    async def run(self) -> None:
        """Serve all targets until cancelled."""
        self._acting = True
        try:
            async with asyncio.TaskGroup() as group:
                for mirror in self.all:
                    group.create_task(mirror.run(), name=f"backup target {mirror.name}")
        finally:
            self._acting = False

    def _register(self, measures: Measures) -> None:
        def gauge(
            name: str, text: str, read: Callable[[Mirror], float], labels: Labels = ("target",)
        ) -> None:
            def values() -> dict[Labels, float]:
                return {(each.name,): read(each) for each in self.all} if self._acting else {}

            measures.gauge(name, text, values, labels)

        gauge(
            "chatserver_backup_target_last_success_timestamp_seconds",
            "Time at which the target had everything that was on the disk; 0: not since the start",
            lambda each: each.succeeded,
            ("target",),
        )
        measures.gauge(
            "chatserver_backup_target_age_seconds",
            "Age of the data on the target: the time whose changes would be lost with this machine",
            lambda: ages(self.all) if self._acting else {},
            ("target",),
        )
        gauge(
            "chatserver_backup_target_pending_bytes",
            "Bytes that the target lacks, as far as is known",
            lambda x: x.pending,
            ("target",),
        )
        failures = measures.counter(
            "chatserver_backup_target_failures_total",
            "Failed rounds of the target",
            ("target",),
        )
        for mirror in self.all:
            failures.add(0, (mirror.name,))
            mirror.on_failure = functools.partial(failures.add, 1, (mirror.name,))
        gauge(
            "chatserver_backup_target_failing",
            "1: the last round of the target failed; the log says why",
            lambda each: int(bool(each.failing)),
            ("target",),
        )
        gauge(
            "chatserver_backup_target_checked_timestamp_seconds",
            "Time at which a backup was last read back from the target unchanged; 0: not since the start",
            lambda each: each.checked,
            ("target",),
        )
        gauge(
            "chatserver_backup_target_files",
            "Files of users on the target, for all backups there",
            lambda each: each.files.count,
            ("target",),
        )
        gauge(
            "chatserver_backup_target_files_bytes",
            "Size of the files of users on the target",
            lambda each: each.files.bytes,
            ("target",),
        )
        gauge(
            "chatserver_backup_target_files_checked_timestamp_seconds",
            "Time at which files were last read back from the target unchanged; 0: not since the start",
            lambda each: each.files.checked,
            ("target",),
        )


def mirrors_of(config: Config, schemes: Sequence[BackupScheme]) -> list[Mirror]:
    """A mirror for each configured target. Raises `StartupError`."""
    key = checked_key(config.backup)
    named = configured_targets(config.backup, key is not None, schemes)
    shelf, settings = shelf_of(config), _settings(config.backup)
    seconds = config.backup.target_timeout_seconds
    return [Mirror(Guarded(each, seconds), shelf, key, settings) for each in named]


def _settings(config: BackupConfig) -> MirrorSettings:
    return MirrorSettings(
        seconds=min(config.ship_seconds, SHIPPING_SECONDS) or IDLE_SECONDS,
        check_seconds=config.target_check_hours * 3600,
        keep_days=config.keep_days,
        keep_count=config.keep_count,
    )
