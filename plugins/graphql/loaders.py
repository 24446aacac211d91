"""Loads many rows at once: all keys requested before an operation has to wait are fetched together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from chatserver import ChatError
from chatserver_plugins.graphql.turns import Pace

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
WOKEN = 25  # waiting callers at a time, each with an object to complete
CALM_TURNS = 3  # checks in a row without activity, after which all keys have been requested
Fetch = Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, ValueT | ChatError]]]


class Activity:
    """The activity in an operation: while there is some, more keys may be requested soon."""

    def __init__(self) -> None:
        self.waking = 0  # number of loaders that are delivering results
        self.pace: Pace | None = None  # of the operation's execution

    @property
    def is_over(self) -> bool:
        return not self.waking and not (self.pace is not None and self.pace.has_waiting(self))


class Loader(Generic[KeyT, ValueT]):
    """Fetches each key once. Made for one request, so that no later one gets stale values."""

    def __init__(self, fetch: "Fetch[KeyT, ValueT]", activity: Activity) -> None:
        """`fetch` gets the keys of a batch and returns a value for each. A `ChatError` instead of a value is
        raised in the callers of `load`. `fetch` is called when the `activity` is over.
        """
        self._fetch, self._activity = fetch, activity
        self._known: dict[KeyT, ValueT | Exception] = {}
        self._waiting: dict[KeyT, list[asyncio.Future[ValueT]]] = {}
        self._fetching: dict[KeyT, list[asyncio.Future[ValueT]]] = {}
        self._task: asyncio.Task[None] | None = None

    def load(self, key: KeyT) -> "asyncio.Future[ValueT]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ValueT] = loop.create_future()
        if key in self._known:
            _settle(future, self._known[key])
        elif key in self._fetching:
            self._fetching[key].append(future)
        else:
            if not self._waiting:
                self._look(CALM_TURNS - 1)
            self._waiting.setdefault(key, []).append(future)
        return future

    async def all(self, keys: Iterable[KeyT]) -> list[ValueT]:
        """The values of many keys, which are fetched at once, as nothing else requests any. Raises as callers do."""
        keys = list(keys)
        missing = [key for key in dict.fromkeys(keys) if key not in self._known]
        if missing:
            self._known |= await self._outcomes(missing)
        values: list[ValueT] = []
        for key in keys:
            found = self._known[key]
            if isinstance(found, Exception):
                raise found
            values.append(found)
        return values

    def _look(self, calm: int) -> None:
        """Check again in two turns, as tasks woken together with the caller may request keys first."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._dispatch, calm)

    def _dispatch(self, calm: int) -> None:
        """`calm` is the number of checks in a row without activity; it must reach CALM_TURNS."""
        if not self._activity.is_over:
            self._look(0)
        elif calm + 1 < CALM_TURNS:
            self._look(calm + 1)
        else:
            wanted, self._waiting = self._waiting, {}
            self._fetching |= wanted
            self._task = asyncio.ensure_future(self._run(wanted))

    async def _run(self, wanted: "Mapping[KeyT, list[asyncio.Future[ValueT]]]") -> None:
        outcomes = await self._outcomes(list(wanted))
        self._known |= outcomes
        self._activity.waking += 1
        try:
            futures = [(future, outcomes[key]) for key in wanted for future in wanted[key]]
            for key in wanted:
                del self._fetching[key]
            for start in range(0, len(futures), WOKEN):
                if start and self._activity.pace is not None:
                    await self._activity.pace.turn(self._activity, 2 * WOKEN)
                for future, outcome in futures[start : start + WOKEN]:
                    _settle(future, outcome)
        finally:
            self._activity.waking -= 1

    async def _outcomes(self, wanted: Sequence[KeyT]) -> Mapping[KeyT, ValueT | Exception]:
        try:
            found = await self._fetch(wanted)
            return {key: found[key] for key in wanted}
        except Exception as error:
            return dict.fromkeys(wanted, error)


def _settle(future: "asyncio.Future[ValueT]", outcome: ValueT | Exception) -> None:
    if future.done():  # the caller was cancelled
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
        future.exception()  # retrieved, or asyncio would log it
    else:
        future.set_result(outcome)
