"""file:// as a target: a folder, such as another disk or a mounted file system."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit

from chatserver.hooks.targets import TargetError

T = TypeVar("T")

PIECE_BYTES = 1 << 20
THREADS = 2  # of its own, so that a network file system that hangs takes none from others
DRAFT = ".draft-"


class FolderTarget:
    """Objects as files. The folder must exist: an unmounted disk must not look like an empty target."""

    lock_days = 0.0
    remote = False

    def __init__(self, url: str) -> None:
        """Raises `ValueError`."""
        parts = urlsplit(url)
        if parts.netloc or not parts.path.startswith("/") or parts.query:
            raise ValueError(
                "expected an absolute path and no parameters, such as file:///mnt/other"
            )
        self._folder = Path(unquote(parts.path))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="backup folder")

    async def open(self) -> None:
        await self._run(self._demand)

    def _demand(self) -> None:
        if not self._folder.is_dir():
            raise TargetError(
                "there is no such folder; it is not made, as a disk may not be mounted"
            )

    async def close(self) -> None:
        """Nothing is open."""

    async def folders(self) -> list[str]:
        return await self._run(self._folders)

    def _folders(self) -> list[str]:
        self._demand()
        return [entry.name for entry in os.scandir(self._folder) if entry.is_dir()]

    async def list(self, folder: str) -> dict[str, int]:
        return await self._run(self._list, folder)

    def _list(self, folder: str) -> dict[str, int]:
        self._demand()
        return {
            str(path.relative_to(self._folder)): path.stat().st_size
            for path in (self._folder / folder).rglob("*")
            if path.is_file() and not path.name.startswith(DRAFT)
        }

    async def size(self, name: str) -> int | None:
        return await self._run(self._size, name)

    def _size(self, name: str) -> int | None:
        self._demand()
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return None

    async def read(self, name: str) -> AsyncIterator[bytes]:
        file = await self._run(_opened, self._folder / name)
        with file:
            while piece := await self._run(file.read, PIECE_BYTES):
                yield piece

    async def put(
        self, name: str, data: BinaryIO, size: int, sha256: bytes, until: datetime | None
    ) -> None:
        await self._run(self._put, name, data)

    def _put(self, name: str, data: BinaryIO) -> None:
        self._demand()
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(DRAFT + path.name)
        try:
            with draft.open("wb") as file:
                shutil.copyfileobj(data, file, PIECE_BYTES)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
            for folder in (path.parent, path.parent.parent):
                _sync(folder)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    async def delete(self, name: str) -> None:
        await self._run(self._delete, name)

    def _delete(self, name: str) -> None:
        """Remove the file, and folders above that hold nothing but drafts then."""
        self._demand()
        path = self._folder / name
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == self._folder:
                break
            with contextlib.suppress(OSError):  # it is not empty, or gone
                if all(child.name.startswith(DRAFT) for child in parent.iterdir()):
                    shutil.rmtree(parent)

    async def locked_until(self, name: str) -> datetime | None:
        return None

    async def lock(self, name: str, until: datetime) -> None:
        raise TargetError("a folder has no locks")

    async def _run(self, call: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *given)


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
