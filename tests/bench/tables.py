"""Tables in docs/benchmarks.md with a line for each store, which is replaced when the store is measured again."""

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def put(name: str, head: Sequence[str], row: Sequence[str]) -> None:
    """Put a line into the table between the marks of this name, in the place of one with the same first cell."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    old, after = rest.split(end)
    rows = [line for line in old.strip().splitlines()[2:] if not line.startswith(f"| {row[0]} ")]
    lines = [f"| {' | '.join(head)} |", f"|---{'|--:' * (len(head) - 1)}|"]
    table = "\n".join([*lines, *sorted([*rows, f"| {' | '.join(row)} |"])])
    PAGE.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}", encoding="utf-8")
