"""Tokens work until they expire or are revoked, and never a moment longer on this node."""

import asyncio
import string
from collections.abc import Awaitable, Callable
from hashlib import sha256

import pytest
from dict_records import DictRecords
from hypothesis import given
from hypothesis import strategies as st

from chatserver import StoreUnavailable
from chatserver_plugins.password.sessions import RENEW_SECONDS, Sessions

DAY = 86400.0
TOKEN_TEXT = string.ascii_letters + string.digits + "_-"


class Clock:
    def __init__(self, now: float = 1e9) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Node:
    """The sessions of one node, with clocks that stand still."""

    def __init__(self, records, **settings) -> None:
        self.clock, self.ticks = Clock(), Clock()
        chosen = {"lifetime": 30 * DAY, "per_user": 100, "cache_seconds": 1.0, "cache_size": 1000}
        self.sessions = Sessions(records, **(chosen | settings), clock=self.clock, ticks=self.ticks)


async def test_a_token_names_its_user_until_it_is_closed(records) -> None:
    sessions = Node(records).sessions
    token, other = await sessions.open("u1"), await sessions.open("u1")
    assert token != other
    assert await sessions.user(token) == "u1"
    await sessions.close(token)
    assert await sessions.user(token) is None
    assert await sessions.user(other) == "u1"


async def test_the_store_never_holds_a_token(records) -> None:
    token = await Node(records).sessions.open("u1")
    secret = token.partition(".")[2]
    assert len(secret) == 43
    assert secret not in repr(records.values)


async def test_sessions_are_listed_in_pages_without_their_hashes(records) -> None:
    node = Node(records)
    tokens = [await node.sessions.open(user) for user in ("u1", "u2", "u10") for _ in range(3)]
    listed = await node.sessions.stored(None, "", 100)
    assert [session.user for session in listed] == ["u1"] * 3 + ["u10"] * 3 + ["u2"] * 3
    assert listed == sorted(listed)
    digests = {sha256(token.encode()).hexdigest()[:12] for token in tokens}
    assert {session.id.partition("/")[2] for session in listed} == digests
    assert {session.expires - session.created for session in listed} == {30 * DAY}
    pages, after = [], ""
    while page := await node.sessions.stored(None, after, 2):
        pages += page
        after = page[-1].id
    assert pages == listed
    assert await node.sessions.stored("u1", "", 100) == listed[:3]
    assert await node.sessions.stored("u1", listed[0].id, 100) == listed[1:3]
    assert await node.sessions.stored("u", "", 100) == []


async def test_a_valid_token_asks_the_store_once_a_second(records) -> None:
    node = Node(records)
    token = await node.sessions.open("u1")
    records.calls.clear()
    for _ in range(100):
        assert await node.sessions.user(token) == "u1"
    assert len(records.calls) == 1
    node.ticks.now += 1.0
    assert await node.sessions.user(token) == "u1"
    assert len(records.calls) == 2


async def test_a_revocation_on_another_node_is_in_force_after_a_second(records) -> None:
    here, there = Node(records), Node(records)
    token = await here.sessions.open("u1")
    assert await here.sessions.user(token) == "u1"
    await there.sessions.close(token)
    here.ticks.now += 1.0
    assert await here.sessions.user(token) is None


async def test_closing_all_sessions_ends_those_of_this_user_only(records) -> None:
    sessions = Node(records, per_user=1000, cache_size=5000).sessions
    tokens = [await sessions.open("u1") for _ in range(20)]
    other = await sessions.open("u10")
    for token in (*tokens, other):
        assert await sessions.user(token) is not None
    await sessions.close_all("u1")
    assert [await sessions.user(token) for token in tokens] == [None] * 20
    assert await sessions.user(other) == "u10"


def close_one(sessions: Sessions, token: str) -> Awaitable[None]:
    return sessions.close(token)


def close_all(sessions: Sessions, token: str) -> Awaitable[None]:
    return sessions.close_all(token.partition(".")[0])


@pytest.mark.parametrize("revoke", [close_one, close_all])
async def test_a_token_being_looked_up_while_it_is_revoked_does_not_pass(
    records, revoke: Callable[[Sessions, str], Awaitable[None]]
) -> None:
    sessions = Node(records).sessions
    token = await sessions.open("u1")
    records.reading, records.answer = asyncio.Event(), asyncio.Event()
    lookup = asyncio.ensure_future(sessions.user(token))
    await records.reading.wait()
    await revoke(sessions, token)
    records.answer.set()
    assert await lookup is None
    assert await sessions.user(token) is None


async def test_a_token_being_looked_up_while_another_is_revoked_passes(records) -> None:
    sessions = Node(records).sessions
    token, other = await sessions.open("u1"), await sessions.open("u1")
    records.reading, records.answer = asyncio.Event(), asyncio.Event()
    lookup = asyncio.ensure_future(sessions.user(token))
    await records.reading.wait()
    await sessions.close(other)
    records.answer.set()
    assert await lookup == "u1"


async def test_a_revocation_that_may_have_failed_is_not_hidden_by_the_cache(records) -> None:
    sessions = Node(records).sessions
    token = await sessions.open("u1")
    assert await sessions.user(token) == "u1"
    records.failing = {"delete"}
    with pytest.raises(StoreUnavailable):
        await sessions.close(token)
    records.calls.clear()
    await sessions.user(token)
    assert [method for method, _ in records.calls] == ["get"]


async def test_an_unused_session_expires_and_a_used_one_goes_on(records) -> None:
    node = Node(records)
    used, unused = await node.sessions.open("u1"), await node.sessions.open("u1")
    for _ in range(31):
        node.clock.now += DAY
        node.ticks.now += DAY
        assert await node.sessions.user(used) == "u1"
    assert await node.sessions.user(unused) is None


async def test_a_session_is_prolonged_at_most_once_a_day(records) -> None:
    node = Node(records)
    token = await node.sessions.open("u1")
    records.calls.clear()
    for _ in range(48):
        node.clock.now += RENEW_SECONDS / 24
        node.ticks.now += RENEW_SECONDS / 24
        await node.sessions.user(token)
    assert [method for method, _ in records.calls].count("swap") == 2


async def test_prolonging_needs_no_store_that_writes(records) -> None:
    node = Node(records)
    token = await node.sessions.open("u1")
    node.clock.now += 2 * DAY
    records.failing = {"swap"}
    assert await node.sessions.user(token) == "u1"


async def test_a_store_that_is_away_is_an_error_and_not_a_bad_token(records) -> None:
    node = Node(records)
    token = await node.sessions.open("u1")
    records.failing = {"get"}
    with pytest.raises(StoreUnavailable):
        await node.sessions.user(token)


async def test_a_node_whose_clock_is_wrong_harms_no_session(records) -> None:
    right, wrong = Node(records), Node(records)
    token = await right.sessions.open("u1")
    for jump in (3600.0, -3600.0, 3650 * DAY, -3650 * DAY):
        wrong.clock.now = right.clock.now + jump
        wrong.ticks.now += 10
        await wrong.sessions.user(token)
        right.ticks.now += 10
        assert await right.sessions.user(token) == "u1"
    right.clock.now += 31 * DAY
    right.ticks.now += 10
    assert await right.sessions.user(token) is None


async def test_a_user_has_a_bounded_number_of_sessions(records) -> None:
    node = Node(records, per_user=3)
    tokens = []
    for _ in range(5):
        node.clock.now += 1
        tokens.append(await node.sessions.open("u1"))
    assert [await node.sessions.user(token) for token in tokens] == [None, None, "u1", "u1", "u1"]
    node.clock.now += 31 * DAY
    await node.sessions.open("u1")
    assert len(records.values) == 1


async def test_the_cache_is_bounded(records) -> None:
    node = Node(records, cache_size=2)
    tokens = [await node.sessions.open(f"u{number}") for number in range(3)]
    for token in tokens:
        await node.sessions.user(token)
    records.calls.clear()
    await node.sessions.user(tokens[2])
    assert records.calls == []
    await node.sessions.user(tokens[0])
    assert len(records.calls) == 1


MALFORMED = st.one_of(
    st.text(),
    st.text(TOKEN_TEXT + "./\0é"),
    st.builds(
        "{}.{}{}".format,
        st.text(TOKEN_TEXT, min_size=1, max_size=64),
        st.text(TOKEN_TEXT, min_size=43, max_size=43),
        st.sampled_from(["\n", "\0", "=", ".", " ", "a", "é", "\ud800"]),
    ),
    st.sampled_from(["", ".", "u1.", f".{'a' * 43}", "a" * 10_000_000, f"u1/.{'a' * 43}"]),
)


class NoRecords:
    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the store was asked: {name}")


@given(MALFORMED)
def test_a_malformed_token_never_reaches_the_store(token: str) -> None:
    sessions = Node(NoRecords()).sessions
    assert asyncio.run(sessions.user(token)) is None
    asyncio.run(sessions.close(token))


@given(st.text(TOKEN_TEXT, min_size=1, max_size=64), st.text(TOKEN_TEXT, min_size=43, max_size=43))
def test_a_guessed_token_is_unknown(user: str, secret: str) -> None:
    async def scenario() -> None:
        sessions = Node(DictRecords()).sessions
        token = await sessions.open(user)
        assert await sessions.user(f"{user}.{secret}") is None
        assert await sessions.user(token) == user
        assert await sessions.user(token.swapcase()) is None

    asyncio.run(scenario())


@pytest.mark.parametrize("user", ["", "a/b", "a.b", "é", "a" * 65])
async def test_a_user_id_that_does_not_fit_into_a_token_is_a_mistake(records, user: str) -> None:
    with pytest.raises(ValueError, match="user id"):
        await Node(records).sessions.open(user)
