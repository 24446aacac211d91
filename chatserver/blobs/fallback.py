"""Two places as one, while files move from the former to the present one: `blobs.former`.

New files go to the present place. What it does not have is read from the former one; what is removed, is removed from
both. `moving.py` copies the content.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

from chatserver.errors import ChatError
from chatserver.hooks.blobs import Blobs, StoredBlob


class TwoPlaces:
    """See `chatserver.Blobs` for the contract."""

    def __init__(self, present: Blobs, former: Blobs) -> None:
        self.present, self.former = present, former

    def folder(self) -> Path | None:
        """The folder of the present place, if it has one."""
        found = getattr(self.present, "folder", lambda: None)()
        return found if isinstance(found, Path) else None

    async def open(self) -> None:
        async with AsyncExitStack() as stack:
            await self.present.open()
            stack.push_async_callback(self.present.close)
            await self.former.open()
            stack.pop_all()

    async def close(self) -> None:
        await self.former.close()
        await self.present.close()

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        return await self.present.write(key, parts)

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        began = False
        try:
            async with aclosing(self.present.read(key, start, length)) as parts:
                async for part in parts:
                    began = True
                    yield part
            return
        except ChatError as error:
            if began or error.code != "blob.not_found":
                raise
        async with aclosing(self.former.read(key, start, length)) as parts:
            async for part in parts:
                yield part

    async def size(self, key: str) -> int | None:
        found = await self.present.size(key)
        return await self.former.size(key) if found is None else found

    async def delete(self, key: str) -> None:
        await self.former.delete(key)  # first, so that a read never finds it again
        await self.present.delete(key)

    async def list(self, after: str = "", limit: int = 1000) -> list[StoredBlob]:
        found = {each.key: each for each in await self.former.list(after, limit)}
        found |= {each.key: each for each in await self.present.list(after, limit)}
        return [found[key] for key in sorted(found)[:limit]]

    async def sweep(self, before: float) -> None:
        await self.present.sweep(before)
        await self.former.sweep(before)
