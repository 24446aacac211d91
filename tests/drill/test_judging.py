"""The verdicts of a drill on its observations: losses, wrong logs, the slope, bounds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from chatserver.cli.drill import demand, write
from chatserver.copies.drill.course import Drill, Plan
from chatserver.copies.drill.load import People, Place, Sent, lost
from chatserver.copies.drill.outcome import Copied, DrillResult, Fall
from chatserver.copies.drill.report import page
from chatserver.copies.drill.scratch import Scratch
from chatserver.errors import StartupError

SENT: dict[Place, Sent] = {("r", seq): Sent(f"c{seq}", seq * 1.0) for seq in (2, 3, 4)}


def log(*seqs: int) -> list[Any]:
    return [{"seq": seq, "client_id": f"c{seq}"} for seq in seqs]


def test_nothing_is_lost_where_all_is_there() -> None:
    assert lost(SENT, {"r": log(1, 2, 3, 4, 5)}) == []


def test_a_message_behind_the_end_of_its_log_is_lost() -> None:
    assert lost(SENT, {"r": log(1, 2)}) == [Sent("c3", 3.0), Sent("c4", 4.0)]
    assert len(lost(SENT, {"r": []})) == 3


@pytest.mark.parametrize("seqs", [(1, 2, 4), (2, 3, 4), (1, 2, 2, 3)])
def test_a_hole_or_a_repeat_is_no_loss_but_wrong(seqs: Sequence[int]) -> None:
    with pytest.raises(ValueError, match="gap"):
        lost(SENT, {"r": log(*seqs)})


def test_another_message_in_its_place_is_wrong() -> None:
    events = log(1, 2, 3, 4)
    events[2]["client_id"] = "another"
    with pytest.raises(ValueError, match="event 3 is not the one"):
        lost(SENT, {"r": events})


def fall(messages: int, rto: float, rpo: float = 1.0) -> Fall:
    return Fall(messages, "between two rounds", 100, 10, rpo, rto / 2, rto)


def outcome(*falls: Fall) -> DrillResult:
    return DrillResult("sqlite", 2.0, [Copied(1000, 0.5)], [*falls])


def test_the_worst_of_each_size_makes_the_slope() -> None:
    found = outcome(fall(100_000, 5.0), fall(100_000, 3.0, rpo=4.0), fall(1_000_000, 14.0))
    assert (found.rpo, found.rto) == (4.0, 14.0)
    assert found.sizes() == [(100_000, 5.0), (1_000_000, 14.0)]
    assert found.rto_at(10_000_000) == pytest.approx(104.0)


def test_a_faster_larger_one_promises_nothing() -> None:
    assert outcome(fall(1000, 5.0), fall(2000, 4.0)).rto_at(10_000_000) == 4.0


def test_the_sizes_are_whole_rooms() -> None:
    assert [size for size, _ in Plan(2000).sizes()] == [1000, 2000]
    assert [size for size, _ in Plan(1_234_567).sizes()] == [123_000, 1_234_000]
    assert [len(moments) for _, moments in Plan(2000, moments=2).sizes()] == [2, 1]


def test_the_page_has_each_fall_and_the_figures_from_it() -> None:
    text = page(outcome(fall(1000, 2.0), fall(11_000, 3.0)), when=datetime(2026, 1, 2, tzinfo=UTC))
    assert "| 11,000 | between two rounds | 100 | 10 | 1.0 s | 1.5 s | 3.0 s |" in text
    assert "**RPO 1.0 s**" in text and "**RTO 3.0 s**" in text
    assert "100.0 s more for each million" in text and "**1001.9 s**" in text


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=f"--report {tmp_path}: Is a directory"):
        write(tmp_path, "text")


def test_bounds_that_are_not_kept_are_refused() -> None:
    found = outcome(fall(1000, 2.0), fall(11_000, 3.0))
    demand(found, None, None)
    demand(found, 1.0, 1100.0)
    with pytest.raises(StartupError, match=r"RPO 1.0 s is more than 0.5 s"):
        demand(found, 0.5, None)
    with pytest.raises(StartupError, match=r"RTO 1001.9 s is more than 900 s"):
        demand(found, None, 900.0)


class Elsewhere:
    """The part of a scratch installation that a drill needs to be built."""

    port, store_name, target_name = 1, "sqlite", ""

    def __init__(self, ship_seconds: float = 1.0) -> None:
        self.ship_seconds = ship_seconds


def drill(scratch: Elsewhere) -> Drill:
    return Drill(cast(Scratch, scratch), Plan(2000), print, lambda done, of: None)


def test_without_shipping_there_is_nothing_to_try() -> None:
    with pytest.raises(StartupError, match=r"backup.ship_seconds is 0"):
        drill(Elsewhere(ship_seconds=0.0))


async def test_an_event_too_few_is_noticed_wherever_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = drill(Elsewhere())
    monkeypatch.setattr(People, "logs", lambda self: {"r": log(1, 2, 3)})
    assert await tried.compare(SENT, 3, 0) == [Sent("c4", 4.0)]
    with pytest.raises(StartupError, match="2 events, expected 3"):
        await tried.compare(SENT, 2, 0)
    assert await tried.compare(SENT, 5, 2) == [Sent("c4", 4.0)]
