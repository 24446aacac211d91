"""The figures of a run: a table for the terminal, and the generated part of docs/reliability.md."""

import os
from pathlib import Path

from tests.faults.scale import IS_LONG

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- generated: make faults -->", "<!-- end of generated -->"
WRITE = "FAULTS_WRITE"

_rows: dict[tuple[str, str], list[str]] = {}


def record(fault: str, what: str, value: str) -> None:
    """Note one figure. Different ones of the same kind, as of several seeds, share a row."""
    values = _rows.setdefault((fault, what), [])
    if value not in values:
        values.append(value)


def rows() -> list[tuple[str, str, str]]:
    return sorted(
        ((fault, what, " · ".join(values)) for (fault, what), values in _rows.items()),
        key=lambda row: (int(row[0].split()[0]), row[0]),
    )


def text() -> str:
    """For the terminal."""
    return "\n".join(f"{fault:<46} {what:<58} {value}" for fault, what, value in rows())


def markdown() -> str:
    lines = ["| fault | figure | measured |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows())])


def write_page() -> bool:
    """Renew the page's table, if that is asked for."""
    if not os.environ.get(WRITE):
        return False
    form = "Long" if IS_LONG else "Short"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(
        f"{before}{BEGIN}\n\n{form} form.\n\n{markdown()}\n\n{END}{after}", encoding="utf-8"
    )
    return True
