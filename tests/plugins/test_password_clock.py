"""A clock that jumps ends nobody's session."""

import time

import pytest

from chatserver_plugins.password import clock
from chatserver_plugins.password.clock import cautious_now

YEARS = 10 * 365 * 86400.0


def test_it_is_the_time() -> None:
    assert abs(cautious_now() - time.time()) < 60


@pytest.mark.parametrize(("jump", "told"), [(YEARS, 0), (3600.0, 0), (-3600.0, -3600.0)])
def test_a_jump_ahead_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, jump: float, told: float
) -> None:
    before, real = cautious_now(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert abs(cautious_now() - before - told) < 60


def test_a_clock_that_was_ahead_at_the_start_is_followed_when_it_is_set_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "_STARTED", time.time() + YEARS)
    assert abs(cautious_now() - time.time()) < 1
