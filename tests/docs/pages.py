"""The Markdown pages as tests see them: their blocks of code, headings and links."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)
_STOP = "<!-- stop -->"


class Block(NamedTuple):
    """A fenced block: what stands behind the fence, split at blanks, and the text in it.

    The marker `<!-- stop -->` in a page is a block of the language `stop`.
    """

    page: str
    line: int
    info: list[str]
    text: str

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(rf"{_FENCE.pattern}|{_STOP}", text, _FENCE.flags):
        info = match["info"].split() if match["info"] is not None else ["stop"]
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page.name, line, info, match["text"] or "")


def write_files(page: Path, folder: Path) -> None:
    """Write the blocks of a page that have the name of a file behind their language into a folder."""
    for block in blocks(page):
        if len(block.info) == 2 and block.language != "sh":
            path = folder / block.info[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)


def write_example(page: Path, folder: Path) -> None:
    """The same for a page of files and a configuration, chat.toml. Raises `AssertionError` for other blocks."""
    write_files(page, folder)
    for block in blocks(page):
        if block.info == ["toml"]:
            (folder / "chat.toml").write_text(block.text)
        else:
            assert len(block.info) == 2, f"{block}: nobody tries this block"


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))
