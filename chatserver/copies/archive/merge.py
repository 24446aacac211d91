"""Merges the records of two stores by key, for comparing them."""

from collections.abc import AsyncIterator

from chatserver.copies.archive.lines import Record


async def flat(pages: AsyncIterator[list[Record]]) -> AsyncIterator[Record]:
    """The records of all pages."""
    async for page in pages:
        for record in page:
            yield record


async def merged(
    left: AsyncIterator[Record], right: AsyncIterator[Record]
) -> AsyncIterator[tuple[str, Record | None, Record | None]]:
    """Each key with its record on either side, or None. Both sides are of one space, by ascending key."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.key < other.key):
            assert one is not None
            yield one.key, one, None
            one = await anext(left, None)
        elif one is None or other.key < one.key:
            yield other.key, None, other
            other = await anext(right, None)
        else:
            yield one.key, one, other
            one, other = await anext(left, None), await anext(right, None)
