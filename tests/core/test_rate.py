"""Token buckets: the rate they let through, their debts, and whom they belong to."""

import pytest

from chatserver.errors import ChatError
from chatserver.runtime import rate
from chatserver.runtime.rate import Bucket, Rates, UserRate


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(rate.time, "monotonic", lambda: now[0])
    return now


def test_a_bucket_refills_up_to_its_burst(clock: list[float]) -> None:
    bucket = Bucket(2, 3)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    clock[0] += 0.5
    assert [bucket.take(), bucket.take()] == [0, 0.5]
    clock[0] += 1000
    assert bucket.left == 3
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_several_at_once_are_all_or_nothing(clock: list[float]) -> None:
    bucket = Bucket(1, 10)
    assert bucket.take(8) == 0
    assert bucket.take(5) == 3
    assert bucket.left == 2
    clock[0] += 3
    assert bucket.take(5) == 0


def test_more_than_the_burst_takes_a_full_bucket_and_owes_the_rest(clock: list[float]) -> None:
    bucket = Bucket(1, 10)
    assert bucket.take(1) == 0
    assert bucket.take(25) == 1
    clock[0] += 1
    assert bucket.take(25) == 0
    assert bucket.take() == 16
    clock[0] += 16
    assert bucket.take() == 0


def test_operations_that_ran_already_are_owed(clock: list[float]) -> None:
    bucket = Bucket(1, 10)
    bucket.owe(12)
    assert bucket.left == -2
    assert bucket.take() == 3


def test_users_and_addresses_have_their_own(clock: list[float]) -> None:
    rates = Rates(1, 2, 1)
    rates.take("anna", count=2)
    with pytest.raises(ChatError, match=r"limit\.rate") as refused:
        rates.take("anna")
    assert refused.value.after_ms == 1001
    rates.take("ben")
    assert rates.of_user("anna") is rates.of("anna", "192.0.2.1")
    rates.take(None, "2001:db8::1", count=10)
    with pytest.raises(ChatError, match=r"limit\.rate"):
        rates.take(None, "2001:db8::2")  # of the same network
    rates.take(None, "192.0.2.1")


def test_without_a_limit_for_addresses(clock: list[float]) -> None:
    rates = Rates(1, 2, 0)
    for _ in range(1000):
        rates.take(None, "192.0.2.1")


def test_the_least_recently_seen_key_is_dropped(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate, "USERS", 2)
    rates = Rates(1, 2, 1)
    first, second = rates.of_user("a"), rates.of_user("b")
    assert rates.of_user("a") is first
    rates.of_user("c")
    assert rates.of_user("a") is first
    assert rates.of_user("b") is not second


def test_what_one_user_does_costs_no_other(clock: list[float]) -> None:
    rate = UserRate(1, 2)
    rate.take("anna", 2)
    with pytest.raises(ChatError, match=r"limit\.rate") as refused:
        rate.take("anna")
    assert refused.value.after_ms == 1001
    rate.take("ben")
    clock[0] += 1
    rate.take("anna")
