"""The back end: each call does its work in threads of its own, as a disk may hang."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import chatserver
from chatserver_plugins.disk_blobs.files import NoSpace, Tree

T = TypeVar("T")

THREADS = 8  # of its own, so that a disk that hangs takes none from others
PIECE_BYTES = 256 * 1024  # read at once


class DiskBlobs:
    """See `chatserver.Blobs` for the contract. The file system needs hard links."""

    def __init__(
        self, folder: Path, *, min_free_percent: float = 0.0, timeout_ms: int = 10_000
    ) -> None:
        self._tree = Tree(folder, min_free_percent)
        self._seconds = timeout_ms / 1000
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")

    def folder(self) -> Path:
        """See `chatserver.Blobs`."""
        return self._tree.folder

    async def open(self) -> None:
        try:
            await self._run(self._tree.make)
        except chatserver.BlobsUnavailable as error:
            raise chatserver.StartupError(
                f"plugin.disk_blobs.path: {self._tree.folder}: {error.reason}"
            ) from error

    async def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        incoming = await self._run(self._tree.begin, chatserver.demand_blob_key(key))
        try:
            async for part in parts:
                await self._run(incoming.add, part)
            return await self._run(incoming.publish)
        finally:
            self._end(incoming.discard)

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        file = await self._run(self._tree.take_out, chatserver.demand_blob_key(key))
        if file is None:
            raise chatserver.ChatError("blob.not_found")
        try:
            end = file.size if length is None else min(file.size, start + length)
            while start < end:
                piece = await self._run(file.read, start, min(PIECE_BYTES, end - start))
                start += len(piece)
                yield piece
        finally:
            self._end(file.close)

    async def size(self, key: str) -> int | None:
        return await self._run(self._tree.size, chatserver.demand_blob_key(key))

    async def delete(self, key: str) -> None:
        await self._run(self._tree.remove, chatserver.demand_blob_key(key))

    async def list(self, after: str = "", limit: int = 1000) -> list[chatserver.StoredBlob]:
        found = await self._run(self._tree.list, after, limit)
        return [chatserver.StoredBlob(*each) for each in found]

    async def sweep(self, before: float) -> None:
        await self._run(self._tree.sweep, before)

    def _end(self, call: Callable[[], None]) -> None:
        """Let a thread clean up; not awaited, as this task may be cancelled while another thread still writes."""
        with contextlib.suppress(RuntimeError):  # after `close`; `sweep` finds what is left
            self._threads.submit(call)

    async def _run(self, call: Callable[..., T], *given: object) -> T:
        """The result of a call that blocks. Raises `BlobsUnavailable`; then the call may still go on."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                return await loop.run_in_executor(self._threads, call, *given)
        except FileExistsError as error:
            raise chatserver.BlobExists from error
        except NoSpace as error:
            raise chatserver.BlobsUnavailable(str(error)) from error
        except TimeoutError as error:
            raise chatserver.BlobsUnavailable(f"no answer in {self._seconds:g} s") from error
        except (OSError, RuntimeError) as error:  # the latter after `close`
            raise chatserver.BlobsUnavailable from error


__all__ = ["DiskBlobs"]
