"""The figures as a table for people, as Markdown for the docs, as JSON lines for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.bench.rows import ROWS, Figure, Row, Values

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
MISSED = " **missed**"  # behind a target that the figure does not reach


class Result(NamedTuple):
    """Medians of one row, by server: ours first, then what it is compared with."""

    row: Row
    values: Mapping[str, Values]


def medians(windows: list[Values]) -> Values:
    return {key: median(values[key] for values in windows) for key in windows[0]}


def show(results: list[Result], console: Console) -> None:
    table = Table()
    for name in ("row", "figure", "chatserver", "target", "plain Tornado", "times better"):
        table.add_column(name, justify="left" if name in ("row", "figure") else "right")
    for cells, met in _lines(results):
        table.add_row(*cells, style={True: "green", False: "red", None: ""}[met])
    console.print(table)


def json_lines(results: list[Result]) -> list[str]:
    return [
        json.dumps({"row": row.name, **{peer: _rounded(found) for peer, found in values.items()}})
        for row, values in results
    ]


def write(results: list[Result], about: Mapping[str, str]) -> None:
    """Replace the generated part of the page; rows that were not measured keep their figures."""
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    found, tail = rest.split(END)
    rows = rows_in(found)
    for result in results:
        rows[result.row.title] = ["| " + " | ".join(cells) + " |" for cells, _ in _lines([result])]
    lines = ["| | |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in about.items()]
    lines += ["", "| | | chatserver | target | plain Tornado | times better |"]
    lines += ["|---|---|--:|--:|--:|--:|"]
    lines += [line for row in ROWS for line in rows.get(row.title, ())]
    PAGE.write_text("\n".join([head + BEGIN, "", *lines, "", END]) + tail)


def rows_in(page: str) -> dict[str, list[str]]:
    """The lines of each row, by its title, which only the first of them has."""
    rows: dict[str, list[str]] = {}
    title = ""
    for line in page.splitlines():
        if line.startswith("|"):
            title = line.split("|")[1].strip() or title
            rows.setdefault(title, []).append(line)
    return rows


def _lines(results: list[Result]):
    """The cells of each line, and whether the target is met (None where there is none)."""
    for row, values in results:
        ours, *others = values.values()
        title = row.title
        for key, figure in row.figures.items():
            met = None if figure.target is None else _is_met(ours[key], figure)
            yield (
                (
                    title,
                    figure.unit,
                    text(ours[key]),
                    ""
                    if figure.target is None
                    else _bound(figure) + (MISSED if met is False else ""),
                    " / ".join(text(other[key]) for other in others),
                    " / ".join(text(_ratio(ours[key], other[key], figure)) for other in others),
                ),
                met,
            )
            title = ""


def _is_met(value: float, figure: Figure) -> bool:
    assert figure.target is not None
    return value >= figure.target if figure.more_is_better else value <= figure.target


def _bound(figure: Figure) -> str:
    assert figure.target is not None
    return f"{'≥' if figure.more_is_better else '≤'} {figure.target:,g}"


def _ratio(ours: float, other: float, figure: Figure) -> float:
    over, under = (ours, other) if figure.more_is_better else (other, ours)
    return over / under if under else float("inf")


def text(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _rounded(values: Values) -> Values:
    return {key: float(f"{value:.4g}") for key, value in values.items()}
