"""A span around a block."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from chatserver.errors import ChatError
from chatserver.interfaces import Span, Trace, Tracer


@contextmanager
def around(
    tracer: Tracer,
    name: str,
    kind: Literal["internal", "server", "client"] = "internal",
    *,
    links: Sequence[Trace] = (),
    is_root: bool = False,
    **attributes: str | int,
) -> Iterator[Span]:
    """A span that ends with the block, and has the code or the name of what the block raises."""
    named = {f"chatserver.{key}": value for key, value in attributes.items()}
    span = tracer.begin(name, kind, named, links=links, is_root=is_root)
    error = ""
    try:
        with span.active():
            yield span
    except BaseException as raised:
        error = code_of(raised)
        raise
    finally:
        span.end(error)


def code_of(error: BaseException) -> str:
    """A name for an error that shows nothing of a user."""
    return error.code if isinstance(error, ChatError) else type(error).__name__
