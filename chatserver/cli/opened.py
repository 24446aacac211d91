"""Opens the store for a command as the server would, also beside a server if the store allows that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from chatserver.cli.options import load_configuration
from chatserver.cli.stores import run_quietly

if TYPE_CHECKING:
    from chatserver.app import Server

T = TypeVar("T")


def with_server(
    source: str | None,
    overrides: dict[str, object],
    action: Callable[[Server], Awaitable[T]],
) -> T:
    """Open the store as the server would, act, and close it."""
    from chatserver.app import opened

    loaded = load_configuration(source, overrides)

    async def act() -> T:
        async with opened(loaded) as server:
            return await action(server)

    return run_quietly(act())
