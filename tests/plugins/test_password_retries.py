"""Refused callers come back one after another, as fast as passwords are hashed, and never later than the bound."""

import pytest

from chatserver_plugins.password.retries import LONGEST_SECONDS, Retries


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def learned(retries: Retries, seconds: float) -> Retries:
    for _ in range(200):
        retries.note(seconds)
    return retries


def test_the_first_comes_when_the_queue_is_done_and_the_others_one_by_one(clock: Clock) -> None:
    retries = learned(Retries(2, 10, clock), 0.1)
    waits = [retries.after_ms() for _ in range(4)]
    assert waits == pytest.approx([500, 550, 600, 650], abs=2)


def test_a_pause_makes_nobody_wait_for_those_who_came_back(clock: Clock) -> None:
    retries = learned(Retries(1, 10, clock), 0.1)
    waits = []
    for _ in range(3):
        waits.append(retries.after_ms())
        clock.now += 5
    assert waits == pytest.approx([1000] * 3, abs=2)


def test_one_slow_hash_counts_for_a_part(clock: Clock) -> None:
    retries = learned(Retries(1, 1, clock), 0.1)
    retries.note(0.9)
    assert retries.after_ms() == pytest.approx(200, abs=2)


def test_nobody_waits_for_longer_than_the_bound_and_a_flood_is_spread_over_it(clock: Clock) -> None:
    retries = learned(Retries(1, 10, clock), 1.0)
    waits = [retries.after_ms() for _ in range(63)]
    assert waits == pytest.approx([1000 * second for second in range(10, 31)] * 3, abs=2)
    slow = learned(Retries(1, 1000, clock), 1.0)
    assert [slow.after_ms() for _ in range(2)] == pytest.approx([LONGEST_SECONDS * 1000] * 2, abs=2)


def test_those_who_are_to_put_off_nobody_are_told_when_the_queue_is_done(clock: Clock) -> None:
    retries = learned(Retries(2, 10, clock), 0.1)
    assert [retries.soonest_ms() for _ in range(2)] == pytest.approx([500, 500], abs=2)
    assert retries.after_ms() == pytest.approx(500, abs=2)
    assert learned(Retries(1, 1000, clock), 1.0).soonest_ms() == pytest.approx(30_000, abs=2)
