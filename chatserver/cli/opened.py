"""Commands that work on the store: opened as the server would, beside it where the store allows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from chatserver.cli.options import load_configuration

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
    from chatserver.config import LoggingConfig
    from chatserver.logging import setup

    loaded = load_configuration(source, overrides)
    # A running server may be writing the files: say on the console what is amiss, nothing else.
    writer = setup(LoggingConfig(level="warning", console="pretty", folder=""))

    async def act() -> T:
        async with opened(loaded) as server:
            return await action(server)

    try:
        return asyncio.run(act())
    finally:
        writer.close()
