"""The disk check: what it reports, and when it fails."""

from pathlib import Path

import pytest

import chatserver
from chatserver_plugins.disk import DiskConfig, DiskPlugin


async def test_says_how_much_is_free(tmp_path: Path) -> None:
    (check,) = DiskPlugin(
        DiskConfig(min_free_percent=0), tmp_path / "disk"
    ).register_health_checks()
    assert check.name == "disk"
    assert 0 < (await check.check())["free_percent"] <= 100


async def test_fails_below_the_least_free_space(tmp_path: Path) -> None:
    plugin = DiskPlugin(DiskConfig(path=str(tmp_path), min_free_percent=100), tmp_path / "disk")
    with pytest.raises(chatserver.ChatError, match="of the disk is free"):
        await plugin.check()
