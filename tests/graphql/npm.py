"""Packages of Node.js that tests use: installed at pinned versions, into a folder of the test run."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]


def installed(folder: Path, packages: Mapping[str, str]) -> Path:
    """The folder, with these packages in it. Without Node.js tests are skipped, but fail in CI."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Node.js and npm are not installed")
    package = {"private": True, "type": "module", "dependencies": packages}
    (folder / "package.json").write_text(json.dumps(package))
    subprocess.run(INSTALL, cwd=folder, check=True, timeout=300)
    return folder
