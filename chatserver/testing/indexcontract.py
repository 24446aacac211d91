"""What a store promises about the search index: pages by room and slot, and how far a room is indexed."""

import asyncio

import pytest

from chatserver import IndexPage, Store
from chatserver.testing.samples import TRICKY_TEXTS, posted


def page(room: str, slot: int, first: int, data: bytes = b"\0page\xff") -> IndexPage:
    return IndexPage(room, slot, first, data)


async def pages(store: Store, rooms: list[str], slots: list[int]) -> list[IndexPage]:
    return sorted(await store.index_pages(rooms, slots))


class IndexContract:
    async def test_pages_come_back_by_room_and_slot(self, store: Store) -> None:
        await store.append([posted(room, 1) for room in ("a", "b", "c")])
        of_a = [page("a", slot, first) for slot in (1, 8, 9) for first in (0, 64)]
        await store.index("a", 128, of_a)
        await store.index("b", 8, [page("b", 8, 0)])
        assert await pages(store, ["a"], [8]) == of_a[2:4]
        assert await pages(store, ["b", "a", "none"], [8, 1, 100]) == [*of_a[:4], page("b", 8, 0)]
        assert await pages(store, ["a", "a"], [9, 9]) == of_a[4:]
        assert await pages(store, ["c"], [1, 8, 9]) == []
        assert await pages(store, [], [1]) == []
        assert await pages(store, ["a"], []) == []

    async def test_a_page_is_replaced(self, store: Store) -> None:
        await store.append([posted("r", 1)])
        await store.index("r", 8, [page("r", 1, 0, b"old"), page("r", 1, 8, b"other")])
        await store.index("r", 8, [page("r", 1, 0, b"new")])
        assert await pages(store, ["r"], [1]) == [
            page("r", 1, 0, b"new"),
            page("r", 1, 8, b"other"),
        ]

    async def test_how_far_rooms_are_indexed_never_goes_back(self, store: Store) -> None:
        await store.append([posted(room, 1) for room in ("a", "b", "c")])
        await store.index("a", 64, [])
        await store.index("a", 8, [page("a", 1, 0)])
        await store.index("b", 1 << 40, [])
        assert await store.indexed(["a", "b", "c", "none"]) == {"a": 64, "b": 1 << 40}
        assert await store.indexed([]) == {}

    async def test_lower_pages_are_dropped(self, store: Store) -> None:
        await store.append([posted("r", 1), posted("other", 1)])
        kept = [page("other", 1, 0), page("r", 1, 64), page("r", 8, 0), page("r", 9, 0)]
        await store.index("r", 72, [page("r", 1, 0), page("r", 1, 56), *kept[1:]])
        await store.index("other", 8, kept[:1])
        await store.drop_index("r", 8, 64)
        await store.drop_index("none", 8, 64)
        assert await pages(store, ["r", "other"], [1, 8, 9]) == kept
        assert await store.indexed(["r"]) == {"r": 72}

    async def test_many_and_large_pages(self, store: Store) -> None:
        await store.append([posted("r", 1)])
        many = [page("r", slot, 0, bytes([slot % 256]) * 2000) for slot in range(512, 1024)]
        large = page("r", 8, 0, bytes(range(256)) * 1000)
        await store.index("r", 4096, [large, *many])
        assert await pages(store, ["r"], list(range(1024))) == [large, *many]

    async def test_nodes_that_write_the_same_pages_at_once(
        self, store: Store, other: Store
    ) -> None:
        await store.append([posted("r", 1)])
        same = [page("r", slot, 0) for slot in range(64, 128)]
        await asyncio.gather(*(node.index("r", 512, same) for node in [store, other] * 3))
        assert await pages(other, ["r"], list(range(64, 128))) == same
        assert await other.indexed(["r"]) == {"r": 512}

    @pytest.mark.parametrize("text", TRICKY_TEXTS, ids=ascii)
    async def test_the_index_of_any_room(self, store: Store, text: str) -> None:
        await store.append([posted(text, 1)])
        await store.index(text, 8, [page(text, 1, 0)])
        assert await store.indexed([text, "other"]) == {text: 8}
        assert await store.index_pages([text, "other"], [1]) == [page(text, 1, 0)]
        await store.drop_index(text, 8, 8)
        assert await store.index_pages([text], [1]) == []
