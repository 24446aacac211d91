"""The suite that every store must pass. Needs pytest and pytest-tornasync.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path / "data")

`make_store` returns a function; each call makes a store that is not open yet, over the same data,
which is empty at first. Several stores are open at the same time, as with several nodes of a server.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatserver import IndexPage, Store
from chatserver.testing.expiringcontract import ExpiringContract
from chatserver.testing.indexcontract import IndexContract
from chatserver.testing.logcontract import LogContract
from chatserver.testing.manycontract import ManyContract
from chatserver.testing.querycontract import QueryContract
from chatserver.testing.recordscontract import RecordsContract
from chatserver.testing.redactioncontract import RedactionContract
from chatserver.testing.repeatscontract import RepeatsContract
from chatserver.testing.samples import described, posted

MakeStore = Callable[[], Store]


class OpeningContract:
    """A part of `StoreContract`, with the fixtures of all parts."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        raise NotImplementedError("give a fixture make_store")

    @pytest.fixture
    def store(self, io_loop: Any, make_store: MakeStore) -> Iterator[Store]:
        yield from _opened(io_loop, make_store)

    @pytest.fixture
    def other(self, io_loop: Any, make_store: MakeStore) -> Iterator[Store]:
        """A second node's store over the same data."""
        yield from _opened(io_loop, make_store)

    async def test_an_open_store_is_ready(self, store: Store) -> None:
        await store.ping()

    async def test_opening_again_keeps_everything(
        self, io_loop: Any, make_store: MakeStore
    ) -> None:
        first = make_store()
        await first.open()
        await first.append([described("r", 1), posted("r", 2)])
        await first.put("space", "key", b"value")
        await first.close()
        second = make_store()
        await second.open()
        try:
            assert await second.read("r", 0, 10) == [described("r", 1), posted("r", 2)]
            assert await second.get("space", "key") == b"value"
        finally:
            await second.close()

    async def test_what_is_erased_is_gone(self, io_loop: Any, make_store: MakeStore) -> None:
        first = make_store()
        await first.open()
        await first.append([described("r", 1), posted("r", 2)])
        await first.index("r", 2, [IndexPage("r", 1, 1, b"page")])
        await first.put("space", "key", b"value")
        await first.erase()
        await first.close()
        second = make_store()
        await second.open()
        try:
            assert await second.list_rooms("", 10) == []
            assert await second.spaces() == []
            assert await second.indexed(["r"]) == {}
            assert await second.index_pages([("r", 1, 1)]) == [None]
            assert (await second.append([described("r", 1), posted("r", 2)])).conflict is None
        finally:
            await second.close()

    async def test_nothing_is_planned_once_it_was_opened(
        self, store: Store, make_store: MakeStore
    ) -> None:
        assert await make_store().plan() == []

    async def test_nodes_see_each_other(self, store: Store, other: Store) -> None:
        await store.append([posted("r", 1)])
        assert await other.read("r", 0, 10) == [posted("r", 1)]
        await other.put("space", "key", b"value")
        assert await store.get("space", "key") == b"value"


class StoreContract(
    OpeningContract,
    LogContract,
    RepeatsContract,
    QueryContract,
    RedactionContract,
    IndexContract,
    RecordsContract,
    ExpiringContract,
    ManyContract,
):
    """Subclass it and give the fixture `make_store`."""


def _opened(io_loop: Any, make_store: MakeStore) -> Iterator[Store]:
    store = make_store()
    io_loop.run_sync(store.open)
    yield store
    io_loop.run_sync(store.close)
