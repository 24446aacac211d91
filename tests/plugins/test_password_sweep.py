"""Remains of expired sessions are removed, and a wrong clock ends nobody's session."""

import pytest

from chatserver_plugins.password.sessions import Sessions
from chatserver_plugins.password.sweep import SPARE_SECONDS, SWEEP_SECONDS, Sweep

LIFETIME = 30 * 86400.0
YEARS = 10 * 365 * 86400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1.8e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(records, clock: Clock) -> Sessions:
    return Sessions(
        records, lifetime=LIFETIME, per_user=100, cache_seconds=0, cache_size=10, clock=clock
    )


async def swept(records, clock: Clock, days: int) -> None:
    """One sweep after each of so many days."""
    for _ in range(days):
        clock.now += SWEEP_SECONDS
        await Sweep(records, LIFETIME, clock).run()


async def test_a_session_goes_when_it_has_expired_and_not_before(records, sessions, clock) -> None:
    token = await sessions.open("ada")
    await swept(records, clock, 20)
    assert await sessions.user(token) == "ada"  # and with that it is renewed
    await swept(records, clock, 30)
    assert any(key.startswith("session/") for key in records.values)
    await swept(records, clock, 1 + int(SPARE_SECONDS / SWEEP_SECONDS))
    assert not any(key.startswith("session/") for key in records.values)


async def test_others_stay(records, sessions, clock) -> None:
    await sessions.open("ada")
    await swept(records, clock, 25)
    tokens = {user: await sessions.open(user) for user in ("bob", "cyd")}
    await swept(records, clock, 10)
    assert [await sessions.user(token) for token in tokens.values()] == ["bob", "cyd"]
    assert len([key for key in records.values if key.startswith("session/")]) == 2


@pytest.mark.parametrize("wrong", [YEARS, -YEARS, 3 * SWEEP_SECONDS])
async def test_a_clock_that_jumps_removes_nothing(records, sessions, clock, wrong: float) -> None:
    token = await sessions.open("ada")
    await swept(records, clock, 3)
    clock.now += wrong
    await Sweep(records, LIFETIME, clock).run()
    clock.now -= wrong
    await swept(records, clock, 3)
    assert await sessions.user(token) == "ada"
