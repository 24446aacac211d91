"""Contract of stores with a silent server: each call ends in time, with `StoreUnavailable`.

    class TestMyStoreInSilence(SilenceContract):
        @pytest.fixture
        def silenced(self, my_server):
            @asynccontextmanager
            async def silenced():
                store = MyStore(my_server.uri)
                await store.open()
                my_server.freeze()  # as with SIGSTOP, or `chatserver.testing.link.Link.freeze`
                try:
                    yield store
                finally:
                    my_server.thaw()
                    await store.close()
            return silenced

`silenced` returns a context manager that opens a store with its default time limit, and then keeps it
waiting: connections stay open without answers. For a file it suffices that another process holds its lock.
The suite is not for stores that never wait, such as stores in memory.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from chatserver import IndexPage, Store, StoreUnavailable
from chatserver.roomlog.repeats import stored_sends
from chatserver.testing.samples import posted

Silenced = Callable[[], AbstractAsyncContextManager[Store]]

# Time limit for a call: the contract says 2–3 s, and the machine may be three times slower.
OVER_SECONDS = 10.0
AT_ONCE = 30


class SilenceContract:
    """Subclass it and give the fixture `silenced`."""

    @pytest.fixture
    def silenced(self) -> Silenced:
        raise NotImplementedError("give a fixture silenced")

    @pytest.mark.parametrize("name", ["append", "put", "ping"])
    async def test_what_has_to_be_durable_fails_in_time(
        self, silenced: Silenced, name: str
    ) -> None:
        async with silenced() as store:
            call = {
                "append": lambda: store.append([posted("silent", 1)]),
                "put": lambda: store.put("silent", "key", b"value"),
                "ping": store.ping,
            }[name]
            assert isinstance(await _outcome(call()), StoreUnavailable)

    async def test_every_call_is_over_in_time(self, silenced: Silenced) -> None:
        """A call that reads may still succeed, if the store has the data in memory."""
        async with silenced() as store:
            calls: list[Awaitable[object]] = [
                store.append([]),
                store.heads(["silent"]),
                store.read("silent", 0, 10),
                store.messages("silent", None, 10),
                stored_sends(store, [("silent", "u1", "c")]),
                store.replies("silent", "m", None, 10),
                store.threads({"silent": ["m"]}, 1),
                store.rooms(["silent"]),
                store.members(["silent"]),
                store.unread("u1", {"silent": 0}),
                store.index("silent", 1, [IndexPage("silent", 1, 1, b"page")]),
                store.indexed(["silent"]),
                store.get("silent", "key"),
                store.get_many("silent", ["key"]),
                store.add("silent", "key", b"value"),
                store.swap("silent", "key", b"", b"value"),
                store.delete("silent", "key"),
                store.scan("silent", ""),
                store.spaces(),
            ]
            await asyncio.gather(*(_outcome(call) for call in calls))

    async def test_many_at_once_do_not_wait_for_one_another(self, silenced: Silenced) -> None:
        async with silenced() as store:
            calls = [store.append([posted(f"silent{n}", 1)]) for n in range(AT_ONCE)]
            found = await asyncio.gather(*(_outcome(call) for call in calls))
            assert all(isinstance(each, StoreUnavailable) for each in found)


async def _outcome(call: Awaitable[object]) -> object:
    """The result of a call, or its `StoreUnavailable`; fails the test if it takes too long."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(OVER_SECONDS):
            return await call
    except StoreUnavailable as error:
        return error
    except TimeoutError:
        pytest.fail(f"no answer and no StoreUnavailable in {time.monotonic() - began:.0f} s")
