"""A loop that is blocked is told from one that has no processor, by what the system says of both threads."""

import pytest

from chatserver.process.watchdog.processor import Spent
from chatserver.process.watchdog.stalls import LOCK_TURNS, Sample, Stall, Stalls

PERIOD = 0.25


class Scene:
    """A loop whose last beat was at 0, and a thread that looks at it."""

    def __init__(self, *, tells: bool = True) -> None:
        self.beat = Sample(0.0, Spent(ran=5.0, waited=7.0, turns=100) if tells else None)
        self.stalls = Stalls(0.0, Spent(), PERIOD)

    def look(
        self,
        at: float,
        ran: float = 0.0,
        waited: float = 0.0,
        *,
        ready: bool = False,
        turns: int = 0,
    ) -> Stall | None:
        """`ran` and `waited` since the beat; `turns` of the thread that looks, in all."""
        before = self.beat.spent
        spent = before and Spent(before.ran + ran, before.waited + waited, 0, ready)
        return self.stalls.look(self.beat, Sample(at, spent), Spent(turns=turns))


def looks(until: float, period: float = PERIOD) -> list[float]:
    return [number * period for number in range(1, round(until / period) + 1)]


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("ran", [0.0, 1.0])
def test_sleeping_and_computing_block(ran: float, tells: bool) -> None:
    scene = Scene(tells=tells)
    told = {at: scene.look(at, ran * at) for at in looks(3.0)}
    assert {at: stall.is_ours for at, stall in told.items() if stall} == {1.0: True}  # once


def test_a_loop_that_has_to_wait_does_not_block() -> None:
    scene = Scene()
    told = [scene.look(at, 0.1 * at, 0.9 * at) for at in looks(9.0)]
    [stall] = [stall for stall in told if stall]
    assert stall.is_ours is False
    assert stall.withheld == pytest.approx(0.9 * stall.seconds)


def test_waiting_and_then_blocking_is_reported_twice() -> None:
    scene = Scene()
    told = [scene.look(at, 0.0, min(at, 2.0)) for at in looks(6.0)]
    assert [(stall.is_ours, stall.seconds) for stall in told if stall] == [
        (False, 1.0),
        (True, 3.0),
    ]


def test_a_short_withheld_processor_hides_no_block_and_is_not_reported() -> None:
    scene = Scene()
    told = [scene.look(at, 0.7 * at, 0.3 * at) for at in looks(3.0)]
    assert [(stall.is_ours, stall.seconds) for stall in told if stall] == [(True, 1.5)]


def test_a_wait_that_is_not_over_counts() -> None:
    scene = Scene()
    told = [scene.look(at, ready=True) for at in looks(9.0)]
    assert [stall.is_ours for stall in told if stall] == [False]
    told = [scene.look(at, at - 9, ready=True) for at in looks(11.0) if at > 9]  # it runs
    assert [stall.is_ours for stall in told if stall] == [True]


def test_a_process_that_was_stopped_blocks_nothing() -> None:
    scene = Scene()
    assert scene.look(0.25) is None
    stall = scene.look(30.0, turns=2)
    assert stall is not None and stall.is_ours is False


def test_a_thread_that_could_not_look_for_the_lock_was_not_stopped() -> None:
    for turns, ran in ((LOCK_TURNS, 0.0), (0, 30.0)):  # asleep with the lock, and at work with it
        scene = Scene()
        assert scene.look(0.25) is None
        stall = scene.look(30.0, ran, turns=turns)
        assert stall is not None and stall.is_ours is True


def test_sleep_before_the_beat_hides_no_block_after_it() -> None:
    scene = Scene()
    scene.look(0.25)
    scene.beat = Sample(29.9, scene.beat.spent)
    told = [scene.look(at) for at in (30.0, 30.25, 30.5, 30.75, 31.0)]
    assert [stall.is_ours for stall in told if stall] == [True]
