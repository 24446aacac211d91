"""Wraps the text of the generated pages, which are written to be read as text too."""

import re
from collections.abc import Iterable

WIDTH = 120
WORD = re.compile(r"(?:`[^`]*`|\S)+")  # a span of code is only split if no line can hold it


def wrapped(text: str, *, first: str = "", further: str = "") -> str:
    """The text in lines of at most `WIDTH`, the first behind `first`, the others behind `further`."""
    lines: list[str] = []
    line = first
    words = WORD.findall(text)
    fitting = [
        part
        for word in words
        for part in ([word] if len(further + word) <= WIDTH else word.split(" "))
    ]
    for word in fitting:
        blank = "" if not line.strip() or line.endswith(" ") else " "
        if line.strip() and len(line) + len(blank) + len(word) > WIDTH:
            lines.append(line)
            line, blank = further, ""
        line += blank + word
    return "\n".join([*lines, line])


def item(text: str, level: int = 0) -> str:
    """One item of a list, `level` lists deep."""
    indent = "  " * level
    return wrapped(text, first=f"{indent}- ", further=f"{indent}  ")


def joined(parts: Iterable[str]) -> str:
    """The parts that are not empty, with blanks between them."""
    return " ".join(part for part in parts if part)
