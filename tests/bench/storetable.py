"""The figures of the stores as lines for people, and as a table in the docs: a line for each store."""

from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- stores: begin -->", "<!-- stores: end -->"
MIB = 1024 * 1024
HEAD = (
    "| store | appends/s, 500 rooms | in one room | ms p50 | µs each, server + database "
    "| batches of 1,000: events/s | newest page | in the middle | 500 events "
    "| MiB, server + database |"
)
LINE = "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
TARGETS = {"SQLite": 30_000, "PostgreSQL": 20_000, "MongoDB": 30_000}  # appends a second
PAGE_MS = 5.0


class Appends(NamedTuple):
    """Medians over some windows; processor time of this process and of the database for each."""

    rate: float
    here_us: float
    there_us: float
    p50_ms: float


class Reads(NamedTuple):
    p50_ms: float
    p99_ms: float


class Figures(NamedTuple):
    """Figures of one store. The reads are of a room of a million events; memory is in bytes, at the end."""

    title: str
    many: Appends  # 500 senders in as many rooms
    one: Appends  # in one room
    filled: float  # events a second, in batches
    newest: Reads
    middle: Reads
    events: Reads
    here: int
    there: int


def show(found: Figures) -> None:
    target = TARGETS.get(found.title.partition(" ")[0])
    print(f"{found.title}:")
    for rooms, appends in (("500 rooms", found.many), ("one room", found.one)):
        print(
            f"  500 senders, {rooms}: {appends.rate:,.0f} durable appends/s{_missed(appends, target)},"
            f" p50 {appends.p50_ms:.1f} ms; µs each: {_two(appends)}"
        )
    print(f"  batches of 1,000: {found.filled:,.0f} events/s")
    late = f" (target: {PAGE_MS:g} ms)" if found.newest.p50_ms > PAGE_MS else ""
    print(f"  newest page: {_reads(found.newest)}{late}; in the middle: {_reads(found.middle)}")
    print(f"  500 events: {_reads(found.events)}")
    print(f"  memory: {_memory(found)} MiB, here + in the database")


def write(found: Figures) -> None:
    """Put the store's line into the page, in the place of an older one of the same store."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    old, after = rest.split(END)
    name = found.title.partition(" ")[0]
    rows = [row for row in old.strip().splitlines()[2:] if not row.startswith(f"| {name} ")]
    table = "\n".join([HEAD, LINE, *sorted([*rows, _row(found)])])
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def _row(found: Figures) -> str:
    cells = (
        found.title,
        f"{found.many.rate:,.0f}",
        f"{found.one.rate:,.0f}",
        f"{found.many.p50_ms:.1f} / {found.one.p50_ms:.1f}",
        f"{_two(found.many)} / {_two(found.one)}",
        f"{found.filled:,.0f}",
        *(f"{_reads(reads)}" for reads in (found.newest, found.middle, found.events)),
        _memory(found),
    )
    return f"| {' | '.join(cells)} |"


def _missed(appends: Appends, target: int | None) -> str:
    return f" (target: {target:,})" if target and appends.rate < target else ""


def _two(appends: Appends) -> str:
    return f"{appends.here_us:.1f} + {appends.there_us:.1f}"


def _reads(reads: Reads) -> str:
    return f"{reads.p50_ms:.2f} ms (p99 {reads.p99_ms:.2f})"


def _memory(found: Figures) -> str:
    return f"{found.here / MIB:,.0f} + {found.there / MIB:,.0f}"
