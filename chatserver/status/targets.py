"""What each of `backup.targets` holds, asked at the same time; a target that does not answer delays no other."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from chatserver.config import BackupConfig
from chatserver.copies.backup.key import Key, configured_key
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.summary import TargetRow, summary
from chatserver.copies.targets.urls import configured_targets
from chatserver.hooks.targets import BackupScheme
from chatserver.status.report import TargetReport


async def targets(
    config: BackupConfig, schemes: Sequence[BackupScheme], limit: float
) -> list[TargetReport]:
    """The report of each target within `limit` seconds. Raises `StartupError` for a wrong URL or key."""
    key = configured_key(config)
    named = configured_targets(config, key is not None, schemes)
    guarded = [Guarded(each, config.target_timeout_seconds) for each in named]
    return list(await asyncio.gather(*(_report(each, key, limit) for each in guarded)))


async def _report(target: Guarded, key: Key | None, limit: float) -> TargetReport:
    try:
        async with asyncio.timeout(limit):
            row = await summary(target, key)
    except TimeoutError:
        row = TargetRow(target.name, error=f"no answer within {limit:g} s")
    age = (
        (datetime.now(UTC) - datetime.fromisoformat(row.until)).total_seconds()
        if row.until
        else None
    )
    return TargetReport(
        target=row.target,
        backups=row.backups,
        newest=row.newest,
        age=None if age is None else round(age, 1),
        error=row.error,
    )
