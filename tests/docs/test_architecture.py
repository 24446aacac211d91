"""The files and names that the pages about the architecture and its internals speak of exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, prose

PAGE = ROOT / "docs/architecture.md"
PAGES = [PAGE, *sorted((ROOT / "docs/internals").glob("*.md"))]
REFERENCES = sorted(
    {found for page in PAGES for found in re.findall(r"`([\w/]+\.py(?::[\w.]+)?)`", prose(page))}
)
SCREENS, SCREEN_LINES = 3, 50


@pytest.mark.parametrize("reference", REFERENCES)
def test_it_exists(reference: str) -> None:
    path, _, name = reference.partition(":")
    files = places(path)
    assert files, "there is no such file"
    assert not name or name in names(files[0]), "there is no such name in it"


def test_the_page_fits_on_three_screens() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= SCREENS * SCREEN_LINES


def test_the_page_leads_to_all_internals() -> None:
    linked = set(re.findall(r"\]\((internals/[\w.]+)\)", PAGE.read_text(encoding="utf-8")))
    assert linked == {f"internals/{page.name}" for page in PAGES[1:]}


def test_the_page_names_every_file_and_folder_of_the_core_and_every_plugin() -> None:
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", prose(PAGE)))
    there = {file.name for file in (ROOT / "chatserver").glob("[a-z]*.py")}
    there |= {f"{file.parent.name}/" for file in (ROOT / "chatserver").glob("*/__init__.py")}
    there |= {f"plugins/{file.parent.name}/" for file in (ROOT / "plugins").glob("*/__init__.py")}
    assert there - named == set()
    assert {name for name in named if not places(name)} == set()


def places(path: str) -> list[Path]:
    """The files that a path of the page may mean."""
    return [place for place in (ROOT / path, ROOT / "chatserver" / path) if place.exists()]


@cache
def names(file: Path) -> frozenset[str]:
    """All functions, classes and methods of a file, as `name` and `Class.name`."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(found)
