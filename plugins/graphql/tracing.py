"""OpenTelemetry spans of queries and mutations, by Ariadne's own extension.

Spans say which operation and which fields took how long. What clients give as arguments is in none
of them: it may be a password or a message.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ariadne.extensions import ExtensionManager
from graphql import MiddlewareManager

from chatserver import StartupError, how_to_install
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.documents import Operation

MISSING = (
    f"plugin.graphql.opentelemetry: opentelemetry-api is missing: {how_to_install('opentelemetry')}"
)


class Tracing:
    """Makes the spans of each operation, or none if it is off."""

    def __init__(self, is_on: bool) -> None:
        """Raises `StartupError` if it is on and OpenTelemetry is missing."""
        self._extension = _extension() if is_on else None

    @contextmanager
    def operation(self, operation: Operation, asking: Asking) -> Iterator[MiddlewareManager | None]:
        """A span around one operation, and what makes those of its resolvers."""
        if self._extension is None:
            yield None
            return
        name = f"{operation.type.value} {operation.name}".rstrip()
        manager = ExtensionManager([self._extension(name)], asking)
        with manager.request():
            yield manager.as_middleware_manager()


def _extension() -> Callable[[str], Any]:
    try:
        from ariadne.contrib.tracing.opentelemetry import opentelemetry_extension
    except ImportError as error:
        raise StartupError(MISSING) from error

    def named(name: str) -> Any:
        return opentelemetry_extension(arg_filter=_nothing, root_span_name=name)

    return named


def _nothing(arguments: dict[str, Any], info: Any) -> dict[str, Any]:
    return {}
