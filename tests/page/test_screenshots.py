"""`docs/screenshots.py` takes the pictures that pages show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

pytestmark = pytest.mark.long

FOLDER = ROOT / "docs/screenshots"
MOST_BYTES = 2_000_000  # a checkout is not to grow by pictures
PICTURE = re.compile(r"\]\(([^)\s]+\.webp)\)")


def shown(page: Path) -> list[str]:
    """The names of the pictures of a page that are in the folder."""
    paths = [(page.parent / link).resolve() for link in PICTURE.findall(page.read_text("utf-8"))]
    assert all(path.parent == FOLDER for path in paths), page
    return [path.name for path in paths]


def is_picture(path: Path) -> bool:
    head = path.read_bytes()[:12]
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def test_the_readme_shows_three() -> None:
    assert len(shown(ROOT / "README.md")) == 3


def test_the_pictures_are_small_and_are_those_that_their_page_lists() -> None:
    pictures = sorted(FOLDER.glob("*.webp"))
    assert sorted(shown(FOLDER / "README.md")) == [path.name for path in pictures]
    assert all(is_picture(path) for path in pictures)
    assert sum(path.stat().st_size for path in pictures) < MOST_BYTES


def test_the_script_takes_every_picture_that_a_page_shows(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docs/screenshots.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_800, check=False)
    if "no Chromium found" in done.stderr:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium found")
    assert done.returncode == 0, done.stderr[-4000:]
    names = {name for page in PAGES for name in shown(page)}
    assert len(names) > 80
    missing = [name for name in names if not (tmp_path / name).is_file()]
    assert missing == []
    assert all(is_picture(path) for path in tmp_path.glob("*.webp"))
