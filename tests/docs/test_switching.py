"""The page about switching plugins: its example is written out, and its test passes."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, write_files

PAGE = ROOT / "docs/plugins/switching.md"


def test_its_example_can_be_switched(tmp_path: Path) -> None:
    write_files(PAGE, tmp_path)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:pytest-tornasync"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_weather.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
