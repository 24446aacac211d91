"""Two servers on one store, in this process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from chatserver.testing.running import Chat, running
from chatserver_plugins.memory import MemoryStore


@asynccontextmanager
async def two_nodes(
    monkeypatch: pytest.MonkeyPatch, plugin: str
) -> AsyncIterator[tuple[Chat, Chat]]:
    """Both with this plugin; they have no bus."""
    store = MemoryStore()
    monkeypatch.setattr("chatserver_plugins.memory.MemoryStore", lambda: store)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(plugin))
        yield first, await stack.enter_async_context(running(plugin))
