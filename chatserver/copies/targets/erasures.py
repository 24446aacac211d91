"""The ledger of erasures on a target: the same files as beside the local backups, each an object that never changes."""

import asyncio
import hashlib
import io
from datetime import UTC, datetime, timedelta

from chatserver.copies.backup.erasures import FOLDER, ErasureLedger, is_line
from chatserver.copies.targets.guarded import Guarded


async def copy_erasures(ledger: ErasureLedger, target: Guarded) -> int:
    """Store the lines that the target lacks; returns their number. Raises `TargetFailed`, `BackupError`."""
    files = await asyncio.to_thread(ledger.files)
    if not files:
        return 0
    there = await target.list(FOLDER)
    missing = {
        name: data for name, data in files.items() if there.get(f"{FOLDER}/{name}") != len(data)
    }
    for name, data in missing.items():
        until = None
        if target.lock_days:
            until = datetime.now(UTC) + timedelta(days=target.lock_days)
        digest = hashlib.sha256(data).digest()
        await target.put(f"{FOLDER}/{name}", io.BytesIO(data), len(data), digest, until)
    return len(missing)


async def erasures_on(target: Guarded) -> dict[str, bytes]:
    """All lines on a target by the names of their files. Raises `TargetFailed`."""
    found = {}
    for path, size in (await target.list(FOLDER)).items():
        name = path.removeprefix(f"{FOLDER}/")
        if is_line(name):
            found[name] = await target.read_all(path, size)
    return found
