"""A drill with an erasure: whoever comes back with a restore is noticed."""

import shutil
from pathlib import Path

import pytest

from chatserver.copies.drill.scratch import Scratch
from chatserver.errors import StartupError

SETTINGS = {
    "plugins.enabled": "sqlite,password",
    "plugin.password.memory_kib": "8",
    "plugin.password.passes": "1",
}


@pytest.mark.parametrize("is_noted", [True, False])
async def test_an_account_that_comes_back_is_found(tmp_path: Path, is_noted: bool) -> None:
    scratch = Scratch(None, SETTINGS, tmp_path, "unused")
    await scratch.fill(range(1), lambda done, of: None)
    await scratch.plant(1)
    await scratch.backup()
    with pytest.raises(StartupError, match="places have it again"):
        await scratch.demand_gone([1])
    await scratch.erase(1)
    await scratch.demand_gone([1])
    await scratch.destroy()
    if not is_noted:  # as if nobody had taken the ledger along
        shutil.rmtree(scratch.backups / "erasures")
    await scratch.restore()
    if is_noted:
        await scratch.demand_gone([1])
    else:
        with pytest.raises(StartupError, match="places have it again"):
            await scratch.demand_gone([1])
