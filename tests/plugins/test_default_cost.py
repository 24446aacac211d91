"""What a plain message costs with all plugins that are on by default: one write of the log, and no read of the store."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest

from chatserver import RoomKind, Store
from chatserver.config import load
from chatserver.testing.running import running
from chatserver_plugins.memory import MemoryStore
from tests.waiting import until

MESSAGES = 300
# By what looks for work now and then, whether or not anything is written, and by the index of search.
PERIODIC = {"ping", "scan", "heads", "list_rooms", "put_many", "swap", "add", "delete"}
INDEX = {"indexed", "index", "index_pages", "drop_index"}


@pytest.fixture
def calls() -> Iterator[Counter[str]]:
    """How often each method of the store was called."""
    counted = Counter[str]()

    def counting(name: str, method: Any) -> Any:
        async def call(store: MemoryStore, *given: Any, **named: Any) -> Any:
            counted[name] += 1
            return await method(store, *given, **named)

        return call

    with ExitStack() as stack:
        for name, method in vars(Store).items():
            if inspect.iscoroutinefunction(method):
                own = getattr(MemoryStore, name)
                stack.enter_context(mock.patch.object(MemoryStore, name, counting(name, own)))
        yield counted


async def test_a_plain_message_costs_no_read_of_the_store(calls: Counter[str]) -> None:
    default = load(environ={}).config.plugins.enabled
    plugins = [name for name in default if name not in ("mongo", "password")]
    async with running(*plugins) as chat:
        service, consumers = chat.service, chat._server.consumers
        ada, ben = (await chat.user("ada")).user, (await chat.user("ben")).user
        room = await service.rooms.create(ada, RoomKind.PUBLIC, "tea")
        await service.rooms.join(ben, room)
        await service.messages.post(ada, room, "first", "hello")

        def have_read() -> bool:
            """Without asking the store."""
            readers = consumers._readers.values()
            return bool(readers) and all(
                reader._positions.known(room.id) == room.head for reader in readers
            )

        await until(have_read)
        calls.clear()
        for number in range(MESSAGES):
            await service.messages.post(ada, room, f"c{number}", f"message {number}")
            await asyncio.sleep(0)
        await until(have_read)
        counted = {name: count for name, count in calls.items() if name not in PERIODIC | INDEX}
        appended = counted.pop("append")
        assert appended == MESSAGES
        assert sum(counted.values()) < MESSAGES / 10, counted
