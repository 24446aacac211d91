"""The line of each key of a TOML text, which `tomllib` does not tell."""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_TABLE = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_ARRAY = re.compile(rf"\s*\[\[\s*({_DOTTED})\s*\]\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")

Path = tuple[str | int, ...]


class Lines(NamedTuple):
    """Lines of keys by their path, such as ("rules", 2, "ports"), from 1. For valid TOML without multi-line strings."""

    lines: dict[Path, int]

    def of(self, *path: str | int) -> int:
        """The line of the key, or of the nearest table around it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return 1


def toml_lines(text: str) -> Lines:
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    depth = 0  # of arrays and inline tables that span lines
    for number, line in enumerate(text.splitlines(), 1):
        bare = _QUOTED.sub('""', line).partition("#")[0]
        if depth == 0:
            if array := _ARRAY.match(line):
                path = _names(array[1])
                counts[path] = counts.get(path, -1) + 1
                table = (*path, counts[path])
                found.setdefault(path, number)
                found[table] = number
                continue
            if header := _TABLE.match(line):
                table = _names(header[1])
                found.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                found[(*table, *_names(key[1]))] = number
        depth += sum(bare.count(each) for each in "[{") - sum(bare.count(each) for each in "]}")
    return Lines(found)


def _names(dotted: str) -> Path:
    return tuple(each.strip("\"'") for each in re.findall(_NAME, dotted))
