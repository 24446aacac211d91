"""Tables in docs/benchmarks.md with a line for each store, which is replaced when the store is measured again."""

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def put(name: str, head: Sequence[str], row: Sequence[str]) -> None:
    """Put a line into the table between the marks of this name, in the place of one with the same first cell."""
    page = PAGE.read_text(encoding="utf-8")
    old = part(page, name).strip().splitlines()[2:]
    rows = [line for line in old if not line.startswith(f"| {row[0]} ")]
    lines = [f"| {' | '.join(head)} |", f"|---{'|--:' * (len(head) - 1)}|"]
    table = "\n".join([*lines, *sorted([*rows, f"| {' | '.join(row)} |"])])
    PAGE.write_text(replaced(page, name, table), encoding="utf-8")


def part(page: str, name: str) -> str:
    """What is between the marks of this name."""
    return _split(page, name)[1]


def replaced(page: str, name: str, text: str) -> str:
    """The page with this text between the marks of this name."""
    before, _, after = _split(page, name)
    return f"{before}{_begin(name)}\n\n{text}\n\n{_end(name)}{after}"


def _split(page: str, name: str) -> tuple[str, str, str]:
    """Before the marks of this name, between them, and after them."""
    before, rest = page.split(_begin(name))
    old, after = rest.split(_end(name))
    return before, old, after


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"
