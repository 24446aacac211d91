"""The style sheets: values are in css/tokens.css alone, and sides are those of the text's direction."""

import re
from pathlib import Path

import pytest

CSS = Path(__file__).parent.parent.parent / "static" / "css"
ALL = [*CSS.glob("*.css"), *CSS.parent.parent.glob("plugins/*/page/*.css")]
SHEETS = sorted(path for path in CSS.glob("*.css") if path.name != "tokens.css")
COLOUR = r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\(|: *(?:white|black)\b"
TIME = r"\b[\d.]+m?s\b"


def declarations(path: Path) -> list[str]:
    css = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
    return re.findall(r"[\w-]+\s*:[^;{}]+(?=;)", css)


def test_there_are_sheets_besides_the_tokens() -> None:
    assert len(SHEETS) >= 5


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_colours_sizes_of_type_corners_and_times_are_tokens(path: Path) -> None:
    for declaration in declarations(path):
        name = declaration.partition(":")[0].strip()
        assert not re.search(COLOUR, declaration.replace("in oklab", "")), declaration
        if name in ("font-size", "font"):
            assert not re.search(r"\d(?:px|r?em|pt|%)", declaration), declaration
        if name.endswith("-radius"):
            assert not re.search(r"[1-9]\d*px", declaration), declaration
        if name.startswith(("transition", "animation")):
            assert not re.search(TIME, declaration), declaration


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_sides_are_start_and_end(path: Path) -> None:
    for declaration in declarations(path):
        name, _, value = declaration.partition(":")
        assert not re.search(r"(?:^|-)(?:left|right)$|-(?:left|right)-", name.strip()), declaration
        if name.strip() in ("text-align", "float", "clear"):
            assert not re.search(r"\b(?:left|right)\b", value), declaration
        if name.strip() in ("padding", "margin", "inset"):
            sides = re.findall(r"(?:[^\s(]|\([^()]*(?:\([^()]*\)[^()]*)*\))+", value)
            assert len(sides) < 4 or sides[1] == sides[3], declaration


@pytest.mark.parametrize("path", sorted(CSS.glob("*.css")), ids=lambda path: path.name)
def test_every_property_that_is_used_exists(path: Path) -> None:
    defined = set()
    for sheet in CSS.glob("*.css"):
        defined |= set(re.findall(r"(--[\w-]+)\s*:", sheet.read_text(encoding="utf-8")))
    used = set(re.findall(r"var\((--[\w-]+)\)", path.read_text(encoding="utf-8")))
    assert used <= defined


def test_looks_know_no_language() -> None:
    """So that test_accessibility.py may look at the themes in one."""
    for path in ALL:
        assert not re.search(r":lang\(|\[lang", path.read_text(encoding="utf-8")), path.name


def test_every_token_is_used() -> None:
    used = set()
    for path in ALL:
        used |= set(re.findall(r"var\((--[\w-]+)", path.read_text(encoding="utf-8")))
    tokens = (CSS / "tokens.css").read_text(encoding="utf-8")
    assert set(re.findall(r"^\s*(--[\w-]+)\s*:", tokens, re.M)) <= used
