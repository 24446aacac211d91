"""Metrics of the files of users beside the backups, and of those on targets."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatserver.copies.backup import vaultfigures
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.vault import FOLDER, Vault
from chatserver.copies.backup.vaultfigures import VaultFigures
from chatserver.copies.targets.mirror import MirrorSettings
from chatserver.copies.targets.mirrors import Mirror, Mirrors
from chatserver.runtime.measure import Gauge, Measures
from chatserver.testing.blobs import given
from tests.backup.targets import MemoryTarget
from tests.waiting import until

KEY = Key(bytes(range(32)))


def shown(measures: Measures, name: str) -> Mapping[tuple[str, ...], float]:
    gauge = measures.all[name]
    assert isinstance(gauge, Gauge)
    found = gauge.read()
    assert isinstance(found, dict)
    return found


async def put(vault: Vault, content: bytes) -> None:
    await vault.put(hashlib.sha256(content).hexdigest(), given([content]))


async def test_files_are_counted_in_the_background_and_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vaultfigures, "FRESH_SECONDS", 0.0)
    measures, vault = Measures(), Vault(tmp_path, KEY)
    VaultFigures(tmp_path, measures)

    async def shows(files: int) -> bool:
        await asyncio.sleep(0.01)
        return shown(measures, "chatserver_backup_files") == {(): files}

    await until(lambda: shows(0))
    for content in (b"a", b"b"):
        await put(vault, content)
    await until(lambda: shows(2))
    size = sum(vault.files().values())
    assert shown(measures, "chatserver_backup_files_bytes") == {(): size}


async def test_a_target_tells_what_it_has_and_when_it_was_checked(tmp_path: Path) -> None:
    target, vault, measures = MemoryTarget(), Vault(tmp_path, KEY), Measures()
    mirror = Mirror(target.guarded(), Shelf(tmp_path), KEY, MirrorSettings(1, 1, 0, 0))
    mirrors = Mirrors([mirror], measures)
    mirrors._acting = True
    label = (mirror.name,)
    for content in (b"a", b"bb"):
        await put(vault, content)
    checked = "chatserver_backup_target_files_checked_timestamp_seconds"
    assert shown(measures, checked) == {label: 0.0}
    async for _ in mirror.files.steps():
        """The work is in the steps."""
    calls = list(target.calls)
    async for _ in mirror.files.steps():
        """Nothing is left to do."""
    assert target.calls == calls
    await mirror.files.check()
    sizes = [len(data) for name, data in target.objects.items() if name.startswith(FOLDER)]
    assert shown(measures, "chatserver_backup_target_files") == {label: 2}
    assert shown(measures, "chatserver_backup_target_files_bytes") == {label: sum(sizes)}
    assert shown(measures, checked)[label] > 0
