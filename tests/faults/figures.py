"""The figures of a run: tables for the terminal, and the generated part of docs/reliability.md."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.faults.scale import IS_LONG

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- generated: make faults -->", "<!-- end of generated -->"
WRITE = "FAULTS_WRITE"
SHEET = "FAULTS_SHEET"  # a file that collects what several runs measured

TRIALS = (
    "fault",
    "store",
    "seed",
    "acknowledged and checked",
    "found",
    "next acknowledgement after",
    "all caught up after",
    "memory of a node",
)
FIGURES = ("fault", "figure", "measured")


class Trial(NamedTuple):
    """One fault in traffic on one store, with one seed. Times in seconds, memory in bytes."""

    fault: str
    store: str
    seed: int
    acknowledged: int
    findings: int
    gap: float
    caught_up: float
    memory: int
    is_control: bool = False  # a weak setting, in which something must be found


_rows: dict[tuple[str, str], list[str]] = {}
_trials: list[Trial] = []


class Sheet(msgspec.Struct):
    """The measurements of one run, or of several that add up."""

    rows: list[tuple[str, str, list[str]]] = []
    trials: list[Trial] = []


def sheet() -> bytes:
    """All that was measured, for another process to add."""
    rows = [(fault, what, values) for (fault, what), values in _rows.items()]
    return msgspec.json.encode(Sheet(rows, _trials))


def add(measured: bytes) -> None:
    """Add what another process has measured."""
    found = msgspec.json.decode(measured, type=Sheet)
    for fault, what, values in found.rows:
        for value in values:
            record(fault, what, value)
    _trials.extend(found.trials)


def collect() -> None:
    """Add what the runs before this one measured, and leave all of it to the next."""
    if not (name := os.environ.get(SHEET)):
        return
    path = Path(name)
    ours = sheet()
    if path.exists():
        _rows.clear()
        _trials.clear()
        add(path.read_bytes())
        add(ours)
    path.write_bytes(sheet())


def record(fault: str, what: str, value: str) -> None:
    """Note one figure. Different ones of the same kind, as of several seeds, share a row."""
    values = _rows.setdefault((fault, what), [])
    if value not in values:
        values.append(value)


def record_trial(trial: Trial) -> None:
    _trials.append(trial)


def rows() -> list[tuple[str, ...]]:
    found = [(fault, what, " · ".join(values)) for (fault, what), values in _rows.items()]
    return sorted(found, key=_number)


def trials() -> list[tuple[str, ...]]:
    return sorted((_cells(trial) for trial in _trials), key=_number)


def totals() -> list[tuple[str, ...]]:
    """Store, and how many acknowledgements were checked in all; controls do not count.

    The text after a comma in a store's name is a way to run it.
    """
    counted: Counter[str] = Counter()
    for trial in _trials:
        if not trial.is_control:
            counted[trial.store.partition(",")[0]] += trial.acknowledged
    return [(store, f"{count:,}") for store, count in sorted(counted.items())]


def _cells(trial: Trial) -> tuple[str, ...]:
    return (
        trial.fault,
        trial.store,
        str(trial.seed),
        f"{trial.acknowledged:,}",
        str(trial.findings),
        f"{trial.gap:.2f} s",
        f"{trial.caught_up:.2f} s",
        f"{trial.memory / (1 << 20):.0f} MiB",
    )


def _number(row: Sequence[str]) -> tuple[int, Sequence[str]]:
    return int(row[0].split()[0]), row


def text() -> str:
    """For the terminal."""
    lines = [f"{fault:<46} {what:<58} {value}" for fault, what, value in rows()]
    lines += [f"{cells[0]:<58} {'  '.join(cells[1:])}" for cells in trials()]
    lines += [f"{store}: {count} acknowledgements checked" for store, count in totals()]
    return "\n".join(lines)


def markdown() -> str:
    tables = [
        _table(TRIALS, trials()),
        _table(("store", "acknowledgements checked in all"), totals()),
        _table(FIGURES, rows()),
    ]
    return "\n\n".join(table for table in tables if table)


def _table(head: Sequence[str], found: Sequence[Sequence[str]]) -> str:
    if not found:
        return ""
    lines = [head, ["---"] * len(head), *found]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write_page() -> bool:
    """Renew the page's tables, if that is asked for."""
    if not os.environ.get(WRITE):
        return False
    form = "Long" if IS_LONG else "Short"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(
        f"{before}{BEGIN}\n\n{form} form.\n\n{markdown()}\n\n{END}{after}", encoding="utf-8"
    )
    return True
