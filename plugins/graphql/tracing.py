"""OpenTelemetry spans of queries and mutations: one for the operation, one for each field of its root.

Spans show the time of operations and root fields. They never contain arguments, which may be passwords or
messages. Deeper fields have no spans, as there may be thousands.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CoroutineType
from typing import Any

from chatserver import StartupError, how_to_install
from chatserver_plugins.graphql.documents import Operation

MISSING = (
    f"plugin.graphql.opentelemetry: opentelemetry-api is missing: {how_to_install('opentelemetry')}"
)


class RootSpans:
    """Makes the spans of one operation's root fields."""

    def __init__(self, trace: Any, tracer: Any) -> None:
        self._trace, self._tracer = trace, tracer

    def around(self, name: str, execute: Callable[[], Any]) -> Any:
        """The result of `execute`, or an awaitable of it; the span ends with the result."""
        span = self._tracer.start_span(name, attributes={"graphql.path": name})
        with self._trace.use_span(span):
            result = execute()
        if isinstance(result, CoroutineType):
            return self._awaited(span, result)
        span.end()
        return result

    async def _awaited(self, span: Any, result: Any) -> Any:
        with self._trace.use_span(span, end_on_exit=True):
            return await result


class Tracing:
    """Makes the spans of each operation; none if tracing is off."""

    def __init__(self, is_on: bool) -> None:
        """Raises `StartupError` if tracing is on and OpenTelemetry is missing."""
        self._trace = _trace() if is_on else None

    @contextmanager
    def operation(self, operation: Operation) -> Iterator[RootSpans | None]:
        """A span around one operation; yields a maker of its root fields' spans."""
        if self._trace is None:
            yield None
            return
        tracer = self._trace.get_tracer("chatserver.graphql")
        attributes = {"graphql.operation.type": operation.type.value}
        if operation.name:
            attributes["graphql.operation.name"] = operation.name
        name = f"{operation.type.value} {operation.name}".rstrip()
        with tracer.start_as_current_span(name, attributes=attributes):
            yield RootSpans(self._trace, tracer)


def _trace() -> Any:
    try:
        from opentelemetry import trace
    except ImportError as error:
        raise StartupError(MISSING) from error
    return trace
