"""The page about backups names each figure that a server shows of them."""

import re
from pathlib import Path

from chatserver.copies.backup.figures import BackupFigures
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.targets.mirrors import Mirrors
from chatserver.runtime.measure import Measures
from chatserver_plugins.memory import MemoryStore
from tests.docs.pages import ROOT


def test_every_figure_is_there(tmp_path: Path) -> None:
    measures = Measures()
    BackupFigures(Shelf(tmp_path), None, measures)
    Shipper(MemoryStore(), Shelf(tmp_path), None, 1.0, measures)
    Mirrors([], measures)
    named = re.findall(r"`(chatserver_backup\w*)`", (ROOT / "docs/backup.md").read_text())
    assert set(named) == {measure.name for measure in measures}
