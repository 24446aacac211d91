"""Words of texts that are gone leave the search index, and no others."""

import random

import pytest

from chatserver.interfaces import IndexPage
from chatserver.model import AnyEvent, MessageEdited
from chatserver.roomlog.cache import RoomCache
from chatserver.search.cleaning import Cleaner
from chatserver.search.indexer import Indexer
from chatserver.search.paced import Paced
from chatserver.search.segments import SIZES
from chatserver.testing.samples import event, posted
from chatserver_plugins.memory import MemoryStore
from tests.search.indexing import ALONE

pytestmark = pytest.mark.virtual_time


def never() -> bool:
    return False


def pages(store: MemoryStore, room: str = "r") -> dict[tuple[int, int], IndexPage]:
    return dict(store._index[room])


def has(store: MemoryStore, word: str, room: str = "r") -> bool:
    return any(word.encode() in page.data for page in pages(store, room).values())


def said(seq: int, marker: str = "") -> AnyEvent:
    if seq % 7 == 0:
        message = f"r-{seq - 3}"
        return event(MessageEdited, "r", seq, message=message, body=f"edit{seq} {marker}")
    return posted("r", seq, body=f"word{seq} common {marker}")


async def index(store: MemoryStore) -> None:
    cache = RoomCache(store, 100)
    await Indexer(store, cache, never, ALONE).catch_up()


async def grown(seqs: range, marked: dict[int, str]) -> MemoryStore:
    """A store whose room was indexed while it grew, with superseded pages."""
    store = MemoryStore()
    for first in range(seqs.start, seqs.stop, 8):
        part = range(first, min(first + 8, seqs.stop))
        await store.append([said(seq, marked.get(seq, "")) for seq in part])
        await index(store)
    return store


@pytest.mark.parametrize("events", [8, 40, 100, 136, 300, 520, 700])
async def test_the_words_of_redacted_texts_are_gone_and_the_index_is_as_if_made_anew(
    events: int,
) -> None:
    chance = random.Random(events)
    seqs = sorted(chance.sample(range(1, events + 1), 5))
    marked = {seq: f"marker{seq}x" for seq in seqs}
    store = await grown(range(1, events + 1), marked)
    assert has(store, "marker")
    await store.redact("r", seqs)
    await Cleaner(store, Paced(never)).clean("r", seqs)
    assert not has(store, "marker"), "also in pages that were superseded"
    fresh = MemoryStore()
    for event_ in await store.read("r", 0, events):
        await fresh.append([event_])
        if event_.seq % 8 == 0 or event_.seq == events:
            await index(fresh)
    wanted = {place: page for place, page in pages(fresh).items() if page.data}
    assert {place: page for place, page in pages(store).items() if page.data} == wanted


async def test_pages_without_such_words_are_not_written() -> None:
    store = await grown(range(1, 600), {20: "marker"})
    cleaner = Cleaner(store, Paced(never))
    assert await cleaner.clean("r", [20, 21, 500]) == 0
    await store.redact("r", [20])
    assert 0 < await cleaner.clean("r", [20]) <= 10, "those with the words of one message"
    assert await cleaner.clean("r", [20]) == 0
    assert await cleaner.clean("r", [598, 5000]) == 0, "not indexed yet"
    assert await cleaner.clean("other", [1]) == 0


async def test_the_largest_parts_are_made_again_one_by_one() -> None:
    """Behind each other they have places of the same kind, which must not be taken for a row."""
    size = SIZES[-1]
    store = MemoryStore()
    await store.append([posted("r", seq, body="common") for seq in range(1, size)])
    await store.append([posted("r", size, body="marker"), posted("r", size + 1, body="marker")])
    await store.append([posted("r", seq, body="common") for seq in range(size + 2, 2 * size + 9)])
    await index(store)
    for seq in (size, size + 1):
        assert has(store, "marker")
        await store.redact("r", [seq])
        await Cleaner(store, Paced(never)).clean("r", [seq])
    assert not has(store, "marker")
    before = pages(store)
    fresh = MemoryStore()
    await fresh.append(await store.read("r", 0, 3 * size))
    await index(fresh)
    wanted = {place: page for place, page in pages(fresh).items() if page.data}
    assert {place: page for place, page in before.items() if page.data} == wanted
