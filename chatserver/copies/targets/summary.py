"""One line about each target, for an operator."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.ledger import parse_ledger
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.reading import fetch_manifests


class TargetRow(NamedTuple):
    """What a target holds. `until` is the time up to which its newest backup has all changes.

    `error` is the reason why the target, or its newest backup, cannot be read; "" if it can.
    """

    target: str
    backups: int = 0
    newest: str = ""
    until: str = ""
    error: str = ""


async def summary(target: Guarded, key: Key | None) -> TargetRow:
    """Ask a target what it holds. Raises nothing; closes the target."""
    row = TargetRow(target.name)
    try:
        with tempfile.TemporaryDirectory(prefix="chatserver-") as scratch:
            await fetch_manifests(target, Path(scratch))
            complete = Shelf(Path(scratch)).all()
            if not complete:
                return row._replace(error="there is no backup on it yet")
            row = row._replace(backups=len(complete), newest=complete[-1].name)
            return row._replace(until=await _until(target, Backup(complete[-1], key)))
    except (ArchiveError, OSError) as error:
        return row._replace(error=str(error).removeprefix(f"{target.name}: "))
    finally:
        await target.close()


async def _until(target: Guarded, backup: Backup) -> str:
    ledger = f"{backup.manifest.name}/{LEDGER}"
    size = await target.size(ledger)
    if size is None:
        return backup.manifest.ended
    data = await target.read_all(ledger, size)
    found = parse_ledger(Path(backup.manifest.name), data, backup.key, backup.salt)
    return found.until or backup.manifest.ended
