"""The page about claims: its example is written out, and its test passes."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs/plugins/claims.md"


def test_its_test_passes(tmp_path: Path) -> None:
    for block in blocks(PAGE):
        path = tmp_path / block.info[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:pytest-tornasync"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_namelock.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
