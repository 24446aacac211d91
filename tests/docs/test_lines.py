"""The pages can be read as text: no line of their prose is too long for a window."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

MOST = 120  # characters
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def long_lines(text: str) -> list[str]:
    """The lines of prose that are too long."""
    return [line for line in _prose(text).splitlines() if len(line) > MOST]


def _prose(text: str) -> str:
    """The text without blocks of code, indented ones included, and without tables."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"^(?: {4}|\|).*$", "", text, flags=re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_of_prose_are_short(page: Path) -> None:
    assert long_lines(page.read_text(encoding="utf-8")) == []


def test_a_long_line_of_prose_is_found() -> None:
    long = "word " * 30
    code, row = f"```\n{long}\n```", f"| {long} |"
    assert long_lines(f"{long}\n\n{code}\n\n    {long}\n\n{row}\n\n- {long}\n") == [
        long,
        f"- {long}",
    ]
