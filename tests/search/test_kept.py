"""The cache of index pages keeps those read lately, up to its bound."""

from collections.abc import Sequence

from chatserver.interfaces import IndexPage, IndexPlace
from chatserver.search.page_cache import PLACE_BYTES, PageCache
from chatserver_plugins.memory import MemoryStore

PAGE = b"x" * 100


class Counted(MemoryStore):
    """Notes the places that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[IndexPlace] = []

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        self.places += places
        return await super().index_pages(places)


async def filled(pages: int) -> Counted:
    store = Counted()
    await store.index("r", 8 * pages, [IndexPage("r", slot, 0, PAGE) for slot in range(pages)])
    return store


def place(slot: int) -> IndexPlace:
    return ("r", slot, 0)


async def test_a_page_is_read_once() -> None:
    store = await filled(3)
    kept = PageCache(store)
    assert await kept.get([place(0), place(1)]) == [PAGE, PAGE]
    assert await kept.get([place(1), place(2), place(1)]) == [PAGE, PAGE, PAGE]
    assert store.places == [place(0), place(1), place(2)]


async def test_a_missing_page_is_looked_for_again() -> None:
    store = await filled(1)
    kept = PageCache(store)
    for _ in range(2):
        assert await kept.get([place(0), place(7)]) == [PAGE, None]
    assert store.places == [place(0), place(7), place(7)]


async def test_the_least_recently_used_page_goes_first() -> None:
    store = await filled(4)
    kept = PageCache(store, most_bytes=3 * (len(PAGE) + PLACE_BYTES))
    await kept.get([place(0), place(1), place(2)])
    await kept.get([place(0)])
    await kept.get([place(3)])
    store.places.clear()
    await kept.get([place(0), place(2), place(3)])
    assert store.places == []
    await kept.get([place(1)])
    assert store.places == [place(1)]
