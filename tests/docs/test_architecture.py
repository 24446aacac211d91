"""The files and names that the page about the architecture speaks of exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, prose

PAGE = ROOT / "docs/architecture.md"
REFERENCES = sorted(set(re.findall(r"`([\w/]+\.py(?::[\w.]+)?)`", prose(PAGE))))


@pytest.mark.parametrize("reference", REFERENCES)
def test_it_exists(reference: str) -> None:
    path, _, name = reference.partition(":")
    found = [file for file in (ROOT / path, ROOT / "chatserver" / path) if file.exists()]
    assert found, "there is no such file"
    assert not name or name in names(found[0]), "there is no such name in it"


def test_the_page_names_enough_to_be_worth_it() -> None:
    assert len(REFERENCES) > 30


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
