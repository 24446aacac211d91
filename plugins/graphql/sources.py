"""Subscriptions whose events plugins bring: an async generator feeds one operation, or several that share it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec
from loguru import logger

from chatserver import ChatError, GraphQLPart, GraphQLSource, Service
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.telling import Teller

CLOSE_SECONDS = 2.0  # for a generator to end after it was cancelled

Arguments = Mapping[str, Any]


class Sources:
    """Opens the sources of all parts."""

    def __init__(self, service: Service, parts: Sequence[GraphQLPart], bound: int) -> None:
        """`bound` is the most items that wait for one subscriber of a shared source."""
        self._service, self._bound = service, bound
        self._sources = {
            place.partition(".")[2]: (part.name, source)
            for part in parts
            for place, source in part.sources.items()
        }
        self._shared: dict[bytes, Shared] = {}

    async def open(
        self, field: str, asking: Asking, arguments: Arguments, teller: Teller, operation: Operation
    ) -> None:
        """Feed an operation. Raises `ChatError` if `admit` refuses it."""
        part, source = self._sources[field]
        try:
            if source.admit is not None:
                await source.admit(asking, **arguments)
        except ChatError:
            raise
        except Exception as error:
            raise _crashed(part, field, error) from error

        def items() -> AsyncIterator[Any]:
            if source.shared:
                return self._shared_items(part, field, source, arguments)
            return source.open(asking, **arguments)

        feed = Feed(part, field, items, teller, operation)
        operation.source = feed
        feed.begin()

    def _shared_items(
        self, part: str, field: str, source: GraphQLSource, arguments: Arguments
    ) -> "Queue":
        key = msgspec.json.encode([field, arguments], order="sorted", enc_hook=str)
        found = self._shared.get(key)
        if found is None:
            items = source.open(Asking(self._service), **arguments)

            def ended() -> None:
                if self._shared.get(key) is found:
                    del self._shared[key]

            found = self._shared[key] = Shared(part, field, items, self._bound, ended)
        return found.join()


class Feed:
    """Takes items for one operation, each when the client has taken the last one."""

    def __init__(
        self,
        part: str,
        field: str,
        items: Callable[[], AsyncIterator[Any]],
        teller: Teller,
        operation: Operation,
    ) -> None:
        self._part, self._field, self._make = part, field, items
        self._teller, self._operation = teller, operation
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"graphql: {self._field}")

    def leave(self) -> None:
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._teller.leave()

    async def _run(self) -> None:
        items: AsyncIterator[Any] | None = None
        try:
            items = self._make()
            async for item in items:
                await self._teller.say(item)
                await asyncio.sleep(0)  # the frames are written, in case nothing else made us wait
                await self._operation.listener.writable()
            self._operation.complete()
        except ChatError as error:
            self._operation.refuse(error)
        except Exception as error:
            self._operation.refuse(_crashed(self._part, self._field, error))
        finally:
            await _close(self._part, self._field, items)


class Shared:
    """One generator for several operations. It ends with the last of them."""

    def __init__(
        self,
        part: str,
        field: str,
        items: AsyncIterator[Any],
        bound: int,
        ended: Callable[[], None],
    ) -> None:
        self._part, self._field, self._items = part, field, items
        self._bound, self._ended = bound, ended
        self._queues: set[Queue] = set()
        self._task: asyncio.Task[None] | None = None

    def join(self) -> "Queue":
        """The items from now on, for one operation."""
        queue = Queue(self._bound, self._leave)
        self._queues.add(queue)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"graphql: {self._field}")
        return queue

    def _leave(self, queue: "Queue") -> None:
        self._queues.discard(queue)
        if not self._queues and self._task is not None:
            self._ended()
            self._task.cancel()

    async def _run(self) -> None:
        end: Exception = StopAsyncIteration()
        try:
            async for item in self._items:
                for queue in self._queues:
                    queue.put(item)
                await asyncio.sleep(0)
        except ChatError as error:
            end = error
        except Exception as error:
            end = _crashed(self._part, self._field, error)
        finally:
            self._ended()  # the next subscriber opens a new generator
            await _close(self._part, self._field, self._items)
        for queue in self._queues:
            queue.end(end)


class Queue(AsyncIterator[Any]):
    """The items of a shared source that wait for one operation."""

    def __init__(self, bound: int, leave: Callable[["Queue"], None]) -> None:
        self._bound, self._leave = bound, leave
        self._items: deque[Any] = deque()
        self._end: Exception | None = None
        self._news = asyncio.Event()

    def put(self, item: Any) -> None:
        """Add an item. One too many ends the queue: nobody gets items with a gap between them."""
        if self._end is not None:
            return
        if len(self._items) >= self._bound:
            self._items.clear()
            self.end(Refused("graphql.behind"))
            return
        self._items.append(item)
        self._news.set()

    def end(self, error: Exception) -> None:
        """Have the reader get the error after the last item."""
        self._end = self._end or error
        self._news.set()

    async def __anext__(self) -> Any:
        while not self._items:
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()

    async def aclose(self) -> None:
        self._leave(self)


def _crashed(part: str, field: str, error: Exception) -> ChatError:
    """Log a part's fault, and make the error that clients get."""
    logger.opt(exception=error).error("GraphQL part {}: Subscription.{} failed", part, field)
    return ChatError("plugin.failed")


async def _close(part: str, field: str, items: AsyncIterator[Any] | None) -> None:
    """Close a generator; one that does not end is left behind. Never raises an error of it."""
    aclose = getattr(items, "aclose", None)
    if aclose is None:
        return
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await aclose()
    except Exception as error:
        _crashed(part, field, error)
