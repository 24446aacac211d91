"""The places of an index: what is elsewhere is needed neither to search nor to index what is added."""

import pytest

from chatserver import index_places
from chatserver_plugins.memory import MemoryStore
from tests.search.test_cleaning import index, pages, said

pytestmark = pytest.mark.virtual_time


def drop_others(store: MemoryStore, indexed: int) -> int:
    """Drop all pages at other places; returns their number."""
    needed = {place[1:] for place in index_places("r", indexed)}
    others = store._index["r"].keys() - needed
    for place in others:
        del store._index["r"][place]
    return len(others)


async def test_an_index_grows_alike_without_the_pages_at_other_places() -> None:
    store, whole, dropped = MemoryStore(), MemoryStore(), 0
    for first in range(1, 1400, 8):
        for each in (store, whole):
            await each.append([said(seq) for seq in range(first, first + 8)])
            await index(each)
        indexed = (await store.indexed(["r"]))["r"]
        dropped += drop_others(store, indexed)
        places = [*index_places("r", indexed)]
        assert len(places) == len(set(places))
        if first % 64 == 1:
            assert await store.index_pages(places) == await whole.index_pages(places)
    assert dropped > 50, "there are such pages"
    drop_others(whole, indexed)
    assert pages(store) == pages(whole)
