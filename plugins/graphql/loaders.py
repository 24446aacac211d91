"""Loading many rows at once: what is asked for one by one in a turn of the loop is fetched together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from chatserver import ChatError

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
Fetch = Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, ValueT | ChatError]]]


class Loader(Generic[KeyT, ValueT]):
    """Fetches each key once. Made for one request, so that it shows nothing that has changed since."""

    def __init__(self, fetch: "Fetch[KeyT, ValueT]") -> None:
        """`fetch` gets the keys of a batch and returns a value for each; a `ChatError` in place of
        one is raised to whoever asked for it.
        """
        self._fetch = fetch
        self._known: dict[KeyT, asyncio.Future[ValueT]] = {}
        self._waiting: dict[KeyT, asyncio.Future[ValueT]] = {}
        self._task: asyncio.Task[None] | None = None

    def load(self, key: KeyT) -> "asyncio.Future[ValueT]":
        known = self._known.get(key)
        if known is None:
            loop = asyncio.get_running_loop()
            known = self._known[key] = loop.create_future()
            if not self._waiting:
                # One turn later: who is woken together with the caller has to ask first.
                loop.call_soon(loop.call_soon, self._dispatch)
            self._waiting[key] = known
        return known

    def _dispatch(self) -> None:
        wanted, self._waiting = self._waiting, {}
        self._task = asyncio.ensure_future(self._run(wanted))

    async def _run(self, wanted: "Mapping[KeyT, asyncio.Future[ValueT]]") -> None:
        found: Mapping[KeyT, ValueT | ChatError]
        try:
            found = await self._fetch(list(wanted))
            outcomes = [(future, found[key]) for key, future in wanted.items()]
        except Exception as error:
            for future in wanted.values():
                _fail(future, error)
            return
        for future, value in outcomes:
            if isinstance(value, ChatError):
                _fail(future, value)
            elif not future.done():
                future.set_result(value)


def _fail(future: "asyncio.Future[ValueT]", error: Exception) -> None:
    if not future.done():  # else whoever waited is gone
        future.set_exception(error)
        future.exception()  # asyncio complains of one that nobody looks at
