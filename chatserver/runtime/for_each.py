"""The same for many items, some at a time, so that other tasks get their turn."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

AT_ONCE = 20
PART = 1000

T = TypeVar("T")
Made = TypeVar("Made")


async def for_each(items: Collection[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Await `do` for all items, AT_ONCE at a time, beginning with the first ones. Other tasks get their turn between.

    Raises the first error; what is under way then is cancelled, and the rest does not begin.
    """
    if not items:
        return
    rest = iter(items)

    async def work() -> None:
        for item in rest:
            await do(item)
            await asyncio.sleep(0)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(items))):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def in_parts(
    items: Sequence[T], make: Callable[[Sequence[T]], Sequence[Made]]
) -> Sequence[Made]:
    """What `make` makes of all items, a thousand at a time, so that some microseconds for each hold nobody up."""
    if len(items) <= PART:
        return make(items)
    made: list[Made] = []
    for start in range(0, len(items), PART):
        made += make(items[start : start + PART])
        await asyncio.sleep(0)
    return made
