"""Spans of the store's calls."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from chatserver.interfaces import Store, Tracer
from chatserver.tracing.spans import around

# All that the contract lets a server await. What begins and ends with the server has no trace.
METHODS = frozenset(
    name for name, method in vars(Store).items() if inspect.iscoroutinefunction(method)
) - {"open", "open_to_read", "close", "plan", "erase", "ping"}


def traced_store(store: Store, tracer: Tracer) -> Store:
    """The same store, with a span around each call that is made within a recorded trace."""
    return cast(Store, _TracedStore(store, tracer))


class _TracedStore:
    """Has everything that the store has; a traced method is made when it is first used."""

    def __init__(self, store: Store, tracer: Tracer) -> None:
        self._store, self._tracer = store, tracer

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name in METHODS:
            found = partial(self._call, f"store {name}", found)
            self.__dict__[name] = found
        return found

    async def _call(self, name: str, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        if self._tracer.current() is None:
            return await method(*given, **named)
        with around(self._tracer, name, "client"):
            return await method(*given, **named)
