"""Contract of stores for the search index: pages by place, and the seq up to which rooms are indexed."""

import asyncio
from collections.abc import Iterable

import pytest

from chatserver import IndexPage, IndexPlace, Store
from chatserver.testing.samples import TRICKY_TEXTS, posted


def page(room: str, slot: int, first: int, data: bytes = b"\0page\xff") -> IndexPage:
    """A page of a search index."""
    return IndexPage(room, slot, first, data)


def place(page: IndexPage) -> IndexPlace:
    """The place of a page."""
    return page.room, page.slot, page.first


async def kept(store: Store, pages: Iterable[IndexPage]) -> list[IndexPage]:
    """The stored pages at the places of these pages."""
    asked = list(pages)
    data = await store.index_pages([place(each) for each in asked])
    return [each._replace(data=of) for each, of in zip(asked, data, strict=True) if of is not None]


class IndexContract:
    """A part of `StoreContract`."""

    async def test_pages_come_back_by_their_places(self, store: Store) -> None:
        await store.append([posted(room, 1) for room in ("a", "b", "c")])
        of_a = [
            page("a", slot, first, f"{slot} {first}".encode())
            for slot in (1, 8, 9)
            for first in (0, 64)
        ]
        of_b = page("b", 8, 0)
        await store.index("a", 128, of_a)
        await store.index("b", 8, [of_b])
        asked = [("b", 8, 0), ("a", 9, 64), ("b", 8, 64), ("a", 1, 0), ("c", 1, 0), ("none", 1, 0)]
        assert await store.index_pages(asked) == [
            of_b.data,
            b"9 64",
            None,
            b"1 0",
            None,
            None,
        ]
        assert await store.index_pages([("a", 8, 64), ("a", 8, 64)]) == [b"8 64", b"8 64"]
        assert await store.index_pages([("a", 8, 1), ("a", 10, 0)]) == [None, None]
        assert await store.index_pages([]) == []
        assert await kept(store, of_a) == of_a

    async def test_a_page_is_replaced(self, store: Store) -> None:
        await store.append([posted("r", 1)])
        await store.index("r", 8, [page("r", 1, 0, b"old"), page("r", 1, 8, b"other")])
        await store.index("r", 8, [page("r", 1, 0, b"new")])
        assert await store.index_pages([("r", 1, 0), ("r", 1, 8)]) == [b"new", b"other"]

    async def test_how_far_rooms_are_indexed_never_goes_back(self, store: Store) -> None:
        await store.append([posted(room, 1) for room in ("a", "b", "c")])
        await store.index("a", 64, [])
        await store.index("a", 8, [page("a", 1, 0)])
        await store.index("b", 1 << 40, [])
        assert await store.indexed(["a", "b", "c", "none"]) == {"a": 64, "b": 1 << 40}
        assert await store.indexed([]) == {}

    async def test_lower_pages_are_dropped(self, store: Store) -> None:
        await store.append([posted("r", 1), posted("other", 1)])
        dropped = [page("r", 1, 0), page("r", 7, 56)]
        stay = [page("r", 1, 64), page("r", 8, 0), page("r", 9, 0), page("r", 1 << 30, 0)]
        of_other = page("other", 1, 0)
        await store.index("r", 72, [*dropped, *stay])
        await store.index("other", 8, [of_other])
        await store.drop_index("r", 8, 64)
        await store.drop_index("none", 8, 64)
        assert await kept(store, [*dropped, *stay, of_other]) == [*stay, of_other]
        assert await store.indexed(["r"]) == {"r": 72}
        await store.drop_index("r", (1 << 31) - 1, (1 << 63) - 1)
        assert await kept(store, [*stay, of_other]) == [of_other]

    async def test_many_and_large_pages(self, store: Store) -> None:
        await store.append([posted("r", 1)])
        many = [page("r", slot, 0, bytes([slot % 256]) * 2000) for slot in range(512, 1024)]
        large = page("r", 8, 0, bytes(range(256)) * 1000)
        far = page("r", 8191, 1 << 40, bytes(range(256)) * 31)
        await store.index("r", 4096, [large, *many, far])
        missing = [page("r", slot, 8) for slot in range(2000)]
        assert await kept(store, [far, *missing, *many, large]) == [far, *many, large]

    async def test_nodes_that_write_the_same_pages_at_once(
        self, store: Store, other: Store
    ) -> None:
        await store.append([posted("r", 1)])
        same = [page("r", slot, 0) for slot in range(64, 128)]
        await asyncio.gather(*(node.index("r", 512, same) for node in [store, other] * 3))
        assert await kept(other, same) == same
        assert await other.indexed(["r"]) == {"r": 512}

    @pytest.mark.parametrize("text", TRICKY_TEXTS, ids=ascii)
    async def test_the_index_of_any_room(self, store: Store, text: str) -> None:
        await store.append([posted(text, 1)])
        only = page(text, 1, 0)
        await store.index(text, 8, [only])
        assert await store.indexed([text, "other"]) == {text: 8}
        assert await store.index_pages([("other", 1, 0), place(only)]) == [None, only.data]
        await store.drop_index(text, 8, 8)
        assert await store.index_pages([place(only)]) == [None]
