"""Ages of queues and outages by a clock that the test sets."""

import pytest

from chatserver.runtime.ages import OutageAge, QueueAge


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("chatserver.runtime.ages.time.monotonic", lambda: now[0])
    return now


def test_a_queue_that_stands_still_grows_old(clock: list[float]) -> None:
    age = QueueAge()
    assert age.seconds(taken=5, waiting=0) == 0
    assert age.seconds(taken=5, waiting=2) == 0
    clock[0] += 30
    assert age.seconds(taken=5, waiting=9) == 30
    assert age.seconds(taken=6, waiting=8) == 30  # one of the first two still waits
    assert age.seconds(taken=7, waiting=7) == 0  # those came later
    clock[0] += 10
    assert age.seconds(taken=7, waiting=7) == 10
    assert age.seconds(taken=14, waiting=0) == 0


def test_a_busy_queue_that_moves_stays_young(clock: list[float]) -> None:
    age = QueueAge()
    for taken in range(0, 1000, 100):
        assert age.seconds(taken, waiting=100) <= 10
        clock[0] += 10


def test_an_outage_counts_from_the_first_look(clock: list[float]) -> None:
    age = OutageAge()
    assert age.seconds(up=True) == age.seconds(up=False) == 0
    clock[0] += 7
    assert age.seconds(up=False) == 7
    assert age.seconds(up=True) == 0
    clock[0] += 7
    assert age.seconds(up=False) == 0
