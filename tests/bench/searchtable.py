"""The figures of search as lines for people, and as a table in the docs: a line for each store."""

from collections.abc import Mapping
from typing import NamedTuple

from tests.bench import tables

MIB = 1024 * 1024
TARGET_MS = 50.0  # for p99


class Asked(NamedTuple):
    """Many searches of one kind; how many messages they found on a page, on average."""

    p50_ms: float
    p99_ms: float
    found: float


class Figures(NamedTuple):
    """Figures of one store. `asked` has, for each kind of search, those in the large room and in all rooms."""

    store: str
    messages: int
    rate: float  # messages a second, of making the index
    here_us: float  # processor time of each, here and in the database
    there_us: float
    disk: int  # bytes that the index takes
    grown: int  # bytes of memory that this process has more after it all
    asked: Mapping[str, tuple[Asked, Asked]]


def show(found: Figures) -> None:
    print(f"{found.store}, {found.messages:,} messages:")
    print(
        f"  index: {found.rate:,.0f} messages/s, µs each {found.here_us:.0f} + {found.there_us:.0f};"
        f" {found.disk / MIB:,.0f} MiB on disk; memory grew by {found.grown / MIB:,.0f} MiB"
    )
    for kind, both in found.asked.items():
        late = "" if max(each.p99_ms for each in both) <= TARGET_MS else "  (target: 50 ms)"
        print(f"  {kind}: {_asked(both[0])} in the large room, {_asked(both[1])} in all{late}")


def write(found: Figures) -> None:
    """Put the store's line into the page, in the place of an older one of the same store."""
    head = ["store", *found.asked, "index: messages/s", "µs each", "MiB on disk"]
    tables.put("search", head, _row(found))


def _row(found: Figures) -> tuple[str, ...]:
    return (
        found.store,
        *(
            " · ".join(f"{each.p50_ms:.1f} / {_marked(each.p99_ms)}" for each in both)
            for both in found.asked.values()
        ),
        f"{found.rate:,.0f}",
        f"{found.here_us:.0f} + {found.there_us:.0f}",
        f"{found.disk / MIB:,.0f}",
    )


def _marked(p99_ms: float) -> str:
    """The figure, marked where it is above the target."""
    return f"{p99_ms:.1f}" if p99_ms <= TARGET_MS else f"**{p99_ms:.1f} missed**"


def _asked(asked: Asked) -> str:
    return f"{asked.p50_ms:.1f} ms (p99 {asked.p99_ms:.1f}, {asked.found:.0f} found)"
