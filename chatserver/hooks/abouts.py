"""What a plugin says of itself to people: the first paragraph of its module's docstring, read without an import."""

import ast
import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from chatserver.hooks.loading import Source

ABOUT_CHARS = 300


def about(source: Source) -> str:
    """The paragraph as one line without marks of code, at most `ABOUT_CHARS` characters; "" without a docstring, or for a broken plugin."""
    path = _file_of(source)
    return "" if path is None else _first_paragraph(path)


def abouts(sources: Iterable[Source]) -> dict[str, str]:
    """The same of several plugins, by name."""
    return {source.name: about(source) for source in sources}


def _file_of(source: Source) -> Path | None:
    if source.distribution.endswith(".py"):  # of the local folder
        return Path(source.distribution)
    try:
        found = importlib.util.find_spec(source.module)
    except (ImportError, ValueError):  # such as of a package that is not installed completely
        return None
    return Path(found.origin) if found is not None and found.origin else None


@lru_cache(maxsize=1000)
def _first_paragraph(path: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    except (OSError, SyntaxError, ValueError):
        return ""
    return " ".join(text.split("\n\n")[0].replace("`", "").split())[:ABOUT_CHARS]
