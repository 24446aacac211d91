"""The postings that a search finds in the index, their order, and how few pages it reads."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Collection, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.interfaces import IndexPlace
from chatserver.model import AnyEvent
from chatserver.search import directory, lookup, segments
from chatserver.search.candidates import ANY_SEQ, Candidates, Span
from chatserver.search.lookup import Lookup
from chatserver.search.page_cache import PageCache
from chatserver.search.reading import Groups
from chatserver_plugins.memory import MemoryStore
from tests.search.indexing import at, index, log


class Search:
    """A lookup in rooms; `reach` is the number of candidates wanted from one room."""

    def __init__(self, store: MemoryStore, groups: Groups, **limits: object) -> None:
        self._store, self._groups, self._limits = store, groups, limits

    async def begin(self, rooms: Sequence[str], carried: Collection[int] = ()) -> None:
        indexed, known = await directory.read(self._store, rooms)
        self.rooms = {
            room: Candidates(indexed.get(room, 0), **self._limits)  # type: ignore[arg-type]
            for room in rooms
        }
        for room in rooms:
            self.rooms[room].add_tail(carried, indexed.get(room, 0), segments.NEVER)
        span = self._limits.get("span")
        pages = PageCache(self._store)  # type: ignore[arg-type]
        self._lookup = Lookup(self._store, pages, self.rooms, self._groups, span)  # type: ignore[arg-type]
        self._lookup.plan(known)

    async def next(self, room: str, most: int = 1000) -> list[int]:
        """The next candidates; empty at the end."""
        candidates = self.rooms[room]
        while candidates.bound is not None:
            if candidates.known >= max(self._lookup.bound, 0):
                return candidates.take(most)[0]
            await self._lookup.read_on()
        return []

    async def rest(self, room: str = "r") -> list[int]:
        found: list[int] = []
        while some := await self.next(room):
            found += some
        return found


async def asked(
    store: MemoryStore, groups: Groups, carried: Collection[int] = (), **limits: object
) -> list[int]:
    search = Search(store, groups, **limits)
    await search.begin(["r"], carried)
    return await search.rest()


async def made(events: Sequence[AnyEvent], upto: int | None = None, **more: bool) -> MemoryStore:
    store = MemoryStore()
    await index(store, events, len(events) if upto is None else upto, **more)
    return store


async def test_answers_come_newest_first_with_edits_at_their_message() -> None:
    bodies = ["alpha", "beta", "alpha beta", "2:alpha", "gamma", "1:beta", "alpha", "alpha beta"]
    store = await made(log(bodies))
    assert await asked(store, [("alpha",)]) == [8, 7, 3, 2, 1]
    assert await asked(store, [("alpha",), ("beta",)]) == [8, 3]  # no text of 1 or 2 had both
    assert await asked(store, [("alpha", "gamma")]) == [8, 7, 5, 3, 2, 1]
    assert await asked(store, [("beta",)], top=7) == [3, 2, 1]
    assert await asked(store, [("beta",)], carried={5, 9}) == [9, 8, 5, 3, 2, 1]
    assert await asked(store, [("beta",)], carried={5, 9}, top=8) == [8, 5, 3, 2, 1]
    assert await asked(store, [("delta",)]) == []
    assert await asked(store, []) == list(range(8, 0, -1))


async def test_times_leave_out_distant_segments() -> None:
    noon = segments.seconds(at(0))
    for noted in (True, False):
        store = await made(log(["word"] * 64), noted=noted)
        near = await asked(store, [("word",)], span=Span(noon + 33 * 60, noon + 34 * 60))
        assert {33, 34} <= set(near) <= set(range(33, 49))
        later = Span(noon + 86400, segments.NEVER)
        assert await asked(store, [("word",)], span=later) == []
        assert await asked(store, [], span=Span(0, segments.NEVER)) == list(range(64, 0, -1))


async def test_an_edit_is_found_though_its_segment_is_newer_than_the_times() -> None:
    store = await made(log([*["old"] * 70, *["new"] * 57, "3:word"]))
    noon = segments.seconds(at(0))
    assert await asked(store, [("word",)], span=Span(0, noon + 600)) == [3]
    assert await asked(store, [("word",)], top=64) == [3]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 700),
    st.integers(0, 700),
    st.integers(1, 800),
    st.booleans(),
    st.integers(1, 40),
    st.integers(),
)
def test_the_index_finds_the_same_as_a_reading_of_everything(
    size: int, upto: int, top: int, noted: bool, at_first: int, seed: int
) -> None:
    chance = random.Random(seed)
    words = ["a", "b", "c", "東", "京"]
    bodies: list[str] = []
    for seq in range(1, size + 1):
        text = " ".join(chance.sample(words, 2))
        edits = seq > 1 and chance.random() < 0.2
        bodies.append(f"{chance.randint(1, seq - 1)}:{text}" if edits else text)
    end = min(upto, size) // 8 * 8
    texts: defaultdict[int, set[str]] = defaultdict(set)  # all that a message said, and each
    wanted = set()
    for seq, body in enumerate(bodies[:end], 1):
        message, _, text = body.rpartition(":")
        texts[int(message or seq)] |= set(text.split())
        if {"a", "b"} <= set(text.split()):
            wanted.add(int(message or seq))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lookup, "FIRST_SEGMENTS", at_first)
        patched.setattr(lookup, "PAGES", at_first)
        found = asyncio.run(_found(log(bodies), end, top, noted))
    assert found == sorted(set(found), reverse=True)
    assert {seq for seq in wanted if seq <= top} <= set(found)
    assert all(seq <= top and {"a", "b"} <= texts[seq] for seq in found)


async def _found(events: Sequence[AnyEvent], end: int, top: int, noted: bool) -> list[int]:
    store = await made(events, end, noted=noted)
    return await asked(store, [("a",), ("b",)], top=top)


@pytest.mark.parametrize("taken", [0, 1, 40, 150])
@pytest.mark.parametrize("upto", [512, 640, 1024, 1300])
async def test_nothing_is_lost_where_segments_go_meanwhile(
    monkeypatch: pytest.MonkeyPatch, taken: int, upto: int
) -> None:
    """The index goes on to `upto`, after some candidates were taken."""
    monkeypatch.setattr(lookup, "FIRST_SEGMENTS", 1)
    monkeypatch.setattr(lookup, "GROWTH", 1)
    events = log(["alpha beta", *["word", "alpha beta", "1:alpha beta"] * 440])
    store = await made(events, 504)
    expected = await asked(store, [("alpha",), ("beta",)])
    assert len(expected) == 169
    search = Search(store, [("alpha",), ("beta",)], top=504)
    await search.begin(["r"])
    found: list[int] = []
    while len(found) < taken:
        found += await search.next("r", 1)
    await index(store, events, upto)
    assert found + await search.rest() == expected


async def test_a_segment_without_messages_lacks_pages_and_is_not_taken_for_gone() -> None:
    reactions = ["1:word"] * 63  # texts of one message leave most pages empty
    store = await made(log(["word", *reactions, *["other"] * 64]))
    assert await asked(store, [("nowhere",), ("word",)]) == []
    assert await asked(store, [("word",)]) == [1]


class Counting(MemoryStore):
    pages = 0

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        self.pages += len(places)
        return await super().index_pages(places)


async def test_segments_older_than_a_full_page_are_not_read() -> None:
    store, rooms = Counting(), [f"room{number}" for number in range(50)]
    for room in rooms:
        await index(store, log(["word"] * 1000, room), 1000, room)  # 4 segments
    search = Search(store, [("word",)], top=ANY_SEQ)
    store.pages = 0
    await search.begin(rooms)
    assert await search.next("room7", 3) == [1000, 999, 998]
    assert store.pages <= 50 + 66
    assert len(await search.rest("room49")) == 1000
    assert 50 + 66 < store.pages <= 50 + 50 * 4


async def test_a_rare_word_leaves_most_pages_of_a_common_one_unread() -> None:
    store = Counting()
    bodies = ["common"] * 1400
    bodies[100] = "common rare"
    await index(store, log(bodies), 1400)
    store.pages = 0
    assert await asked(store, [("common",), ("rare",)]) == [101]
    both = store.pages
    store.pages = 0
    assert await asked(store, [("rare",)]) == [101]
    assert both - store.pages <= lookup.FIRST_SEGMENTS + 2
