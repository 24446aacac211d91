"""The book of votes and its tallies: one vote a user whatever comes at once, and counts at a pace, in parts."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from chatserver.hooks.records import Space
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.polls import book as booking
from chatserver_plugins.polls import tallies
from chatserver_plugins.polls.book import Book
from chatserver_plugins.polls.tallies import Tallies
from chatserver_plugins.polls.telling import Telling
from tests.plugins.test_polls import refused
from tests.waiting import until


async def votes_of(book: Book) -> dict[str, tuple[int, ...]]:
    """All votes of the poll by user."""
    found: dict[str, tuple[int, ...]] = {}
    async for part in book.votes("m-1"):
        found |= part
    return found


class Slow(Space):
    """Each call takes a turn of the loop before, so that those of two nodes mix."""

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return await super().get(key)

    async def add(self, key: str, value: bytes) -> bool:
        await asyncio.sleep(0)
        return await super().add(key, value)

    async def swap(self, key: str, old: bytes, new: bytes) -> bool:
        await asyncio.sleep(0)
        return await super().swap(key, old, new)


async def test_two_devices_of_a_user_make_one_vote_of_those_they_gave() -> None:
    store = MemoryStore()
    books = [Book(Slow(store, "s")) for _ in range(2)]
    for _ in range(5):
        await asyncio.gather(*(book.vote("m-1", "ada", (at,)) for at, book in enumerate(books)))
        votes = await votes_of(books[0])
        assert votes in ({"ada": (0,)}, {"ada": (1,)})
    assert len(await Space(store, "s").scan("vote/")) == 1


@pytest.mark.parametrize("earlier", [None, (1,)])
async def test_a_poll_that_ends_while_a_vote_is_written_keeps_what_was_there(
    earlier: tuple[int, ...] | None,
) -> None:
    book = Book(Space(MemoryStore(), "s"))
    if earlier is not None:
        await book.vote("m-1", "ada", earlier)
    written = book._written

    async def late(key: str, new: bytes) -> bytes | None:
        old = await written(key, new)
        await book.end("m-1", "2026-01-01T00:00:00Z")
        return old

    with mock.patch.object(book, "_written", late):
        assert await refused(book.vote("m-1", "ada", (0,))) == "polls.ended"
    assert await votes_of(book) == ({} if earlier is None else {"ada": earlier})


class Clock:
    def now(self) -> float:
        return 1.0


async def test_what_is_voted_during_a_count_is_in_the_tally_whichever_comes_first() -> None:
    book = Book(Space(MemoryStore(), "s"))
    await book.vote("m-1", "ada", (0,))
    counter = Tallies(book, Clock())  # type: ignore[arg-type]
    votes = book.votes

    async def passed(message: str) -> Any:
        async for part in votes(message):
            for user, choices in (("ben", (1,)), ("ada", ())):
                await book.vote(message, user, choices)
                counter.note(message, user, choices)
            yield part

    with mock.patch.object(book, "votes", passed):
        tally = await counter.of("m-1")
    assert (tally.counts(2), tally.voters) == ([0, 1], 1)


async def test_a_tally_is_counted_again_at_its_pace_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "PACE_SECONDS", 1000.0)
    book = Book(Space(MemoryStore(), "s"))
    counter = Tallies(book, Clock())  # type: ignore[arg-type]
    await book.vote("m-1", "ada", (0,))
    assert (await counter.of("m-1")).voters == 1
    await book.vote("m-1", "ben", (0,))  # on another node
    assert (await counter.of("m-1")).voters == 1
    assert (await counter.count("m-1")).voters == 2
    assert counter.pace_of("m-1") >= 1000.0


async def test_few_tallies_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "KEPT_POLLS", 2)
    monkeypatch.setattr(tallies, "KEPT_VOTES", 3)
    book = Book(Space(MemoryStore(), "s"))
    for message, voters in (("m-1", 1), ("m-2", 1), ("m-3", 1), ("m-4", 3), ("m-5", 4)):
        for number in range(voters):
            await book.vote(message, f"user{number}", (0,))
    counter = Tallies(book, Clock())  # type: ignore[arg-type]
    for message in ("m-1", "m-2", "m-1", "m-3"):
        await counter.of(message)
    assert list(counter._kept) == ["m-1", "m-3"]
    await counter.of("m-4")
    assert list(counter._kept) == ["m-4"]
    assert (await counter.of("m-5")).voters == 4
    assert list(counter._kept) == []


async def test_many_votes_are_counted_in_parts_between_which_others_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booking, "PAGE", 3)
    book = Book(Space(MemoryStore(), "s"))
    counter = Tallies(book, Clock())  # type: ignore[arg-type]

    async def turns() -> int:
        """How often others have their turn while the votes are counted."""
        counting = asyncio.create_task(counter.count("m-1"))
        had = 0
        while not counting.done():
            await asyncio.sleep(0)
            had += 1
        return had

    await book.vote("m-1", "user0", (0, 2))
    of_one = await turns()
    for number in range(1, 10):
        await book.vote("m-1", f"user{number}", (number % 2, 2))
    assert await turns() == of_one + 3
    tally = await counter.of("m-1")
    assert (tally.counts(3), tally.voters) == ([5, 5, 10], 10)


async def test_a_room_is_told_once_of_all_that_happens_in_one_pace() -> None:
    book = Book(Space(MemoryStore(), "s"))
    told: list[tuple[str, Any, object]] = []

    def tell(name: str, payload: Any, *, room: object) -> None:
        told.append((name, payload, room))

    telling = Telling(SimpleNamespace(tell=tell), book, Tallies(book, Clock()))  # type: ignore[arg-type]
    room: Any = object()
    for number in range(10):
        await book.vote("m-1", f"user{number}", (number % 2,))
    for _ in range(1000):
        telling.changed(room, "m-1", 2)
    assert len(telling._tasks) == 1
    await until(lambda: told)
    payload = {"message": "m-1", "counts": [5, 5], "voters": 10, "ended_at": None, "at": 1000}
    assert told == [("counted", payload, room)]
    await telling.close()
    telling.changed(room, "m-1", 2)
    await telling.close()
    assert not telling._tasks and len(told) == 1


async def test_polls_are_forgotten_together_and_their_neighbours_stay() -> None:
    records = Space(MemoryStore(), "s")
    book = Book(records)
    polls = [f"m-{seq}" for seq in (1, 9, 10, 11, 19, 100)] + ["n-10"]
    for poll in polls:
        for user in ("ada", "ben"):
            await book.vote(poll, user, (1,))
        await book.end(poll, "2026-12-01T00:00:00.000Z")
    with mock.patch.object(booking, "PAGE", 3):
        await book.forget_polls(["m-9", "m-10", "m-12"])
    left = [key for key, _ in await records.scan("")]
    assert not [key for key in left if {"m-9", "m-10"} & {*key.split("/")}]
    for poll in {*polls} - {"m-9", "m-10"}:
        assert len([key for key in left if poll in key.split("/")]) == 5, poll
    with mock.patch.object(records, "scan", wraps=records.scan) as scan:
        await book.forget_polls([f"m-{seq}" for seq in range(20, 100)])
        assert scan.await_count <= 2
