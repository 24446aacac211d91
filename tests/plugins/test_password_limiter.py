"""Failed logins are limited exactly, by network, and in bounded memory."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from chatserver import address_network
from chatserver_plugins.password.limiter import FailureLimit, GrowingDelay, key

SECOND = 1_000_000_000


class Clock:
    now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


def test_a_limit_allows_its_number_and_tells_when_the_next_may_come() -> None:
    clock = Clock()
    limit = FailureLimit(10, 300, 100, clock)
    for _ in range(10):
        assert limit.wait_ms(b"a") == 0
        limit.count(b"a")
    assert limit.wait_ms(b"a") == 30_000
    assert limit.wait_ms(b"b") == 0
    clock.now += 30 * SECOND - 1
    assert limit.wait_ms(b"a") == 1
    clock.now += 1
    assert limit.wait_ms(b"a") == 0


def test_a_reset_forgives_all_and_taking_back_forgives_one() -> None:
    limit = FailureLimit(2, 60, 100, Clock())
    limit.count(b"a")
    limit.count(b"a")
    assert limit.wait_ms(b"a") > 0
    limit.take_back(b"a")
    assert limit.wait_ms(b"a") == 0
    limit.count(b"a")
    assert limit.wait_ms(b"a") > 0
    limit.reset(b"a")
    limit.take_back(b"a")
    assert limit.wait_ms(b"a") == 0


def test_no_more_keys_are_kept_than_allowed() -> None:
    limit = FailureLimit(1, 60, 3, Clock())
    for number in range(10):
        limit.count(bytes([number]))
    assert len(limit) == 3
    assert [limit.wait_ms(bytes([number])) > 0 for number in (6, 7, 8, 9)] == [
        False,
        True,
        True,
        True,
    ]


def test_failures_under_many_names_do_not_displace_a_key_with_many_failures() -> None:
    clock = Clock()
    limit, delay = FailureLimit(10, 300, 50, clock), GrowingDelay(5, 900, 50, clock)
    for _ in range(20):
        limit.count(b"often")
        delay.count(b"often")
    for number in range(10_000):
        limit.count(b"%d" % number)
        delay.count(b"%d" % number)
    assert len(limit) == len(delay) == 50
    assert limit.wait_ms(b"often") > 0
    assert delay.wait_ms(b"often") > 0


def test_each_further_failure_doubles_the_wait_up_to_the_longest() -> None:
    clock = Clock()
    delay = GrowingDelay(3, 100, 10, clock)
    waits = []
    for _ in range(12):
        delay.count(b"a")
        waits.append(round(delay.wait_ms(b"a") / 1000))
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 100, 100]
    assert delay.wait_ms(b"b") == 0
    delay.take_back(b"a")
    assert delay.wait_ms(b"a") == 0


def test_endless_attempts_get_one_in_each_longest_wait() -> None:
    clock = Clock()
    delay, attempts = GrowingDelay(20, 900, 10, clock), 0
    end = clock.now + 86400 * SECOND
    while clock.now < end:
        if not delay.wait_ms(b"a"):
            delay.count(b"a")
            attempts += 1
        clock.now += 10 * SECOND
    assert attempts <= 20 + 11 + 86400 / 900
    clock.now += 200 * 900 * SECOND
    for _ in range(20):
        delay.count(b"a")
    assert delay.wait_ms(b"a") == 0


@given(
    limit=st.integers(1, 20),
    seconds=st.integers(1, 600),
    pauses=st.lists(st.integers(0, 100 * SECOND), max_size=200),
)
def test_any_window_holds_at_most_twice_the_limit(
    limit: int, seconds: int, pauses: list[int]
) -> None:
    clock = Clock()
    failures = FailureLimit(limit, seconds, 10, clock)
    allowed: list[int] = []
    for pause in pauses:
        clock.now += pause
        wait_ms = failures.wait_ms(b"k")
        if wait_ms == 0:
            failures.count(b"k")
            allowed.append(clock.now)
        else:
            assert wait_ms <= seconds * 1000
    for start in allowed:
        window = [at for at in allowed if start <= at < start + seconds * SECOND]
        assert len(window) < 2 * limit + 1
    clock.now += seconds * SECOND
    assert failures.wait_ms(b"k") == 0


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_ipv6_network_count_as_one(address: IPv6Address, host: int) -> None:
    if address.ipv4_mapped is None and int(address) >> 64:
        sibling = IPv6Address(int(address) >> 64 << 64 | host)
        assert address_network(str(address)) == address_network(str(sibling))
        other = IPv6Address(int(address) ^ 1 << 64)
        assert address_network(str(address)) != address_network(str(other))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_counts_as_itself_however_it_is_written(address: IPv4Address) -> None:
    assert address_network(str(address)) == str(address)
    assert address_network(f"::ffff:{address}") == str(address)


@given(st.text())
def test_any_account_or_address_has_a_small_key(text: str) -> None:
    assert len(key(address_network(text))) == 16


def test_lone_surrogates_have_a_key() -> None:
    assert len(key("\ud800")) == 16
