"""A target in memory, whose faults a test chooses."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import BinaryIO

from chatserver import TargetError
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.urls import Named


class MemoryTarget:
    """Objects in a dict. `calls` has all changes, in order."""

    remote = True

    def __init__(self, lock_days: float = 0.0) -> None:
        self.lock_days = lock_days
        self.objects: dict[str, bytes] = {}
        self.locks: dict[str, datetime] = {}
        self.calls: list[str] = []
        self.away = False  # every call fails
        self.forgets = False  # says that it stored, and keeps nothing
        self.hides: set[str] = set()  # names that it does not list
        self.old: dict[str, bytes] = {}  # what it returns instead of what it has
        self.opened = 0

    def guarded(self) -> Guarded:
        return Guarded(Named("memory://", self), 5.0)

    async def open(self) -> None:
        self._demand()
        self.opened += 1

    async def close(self) -> None:
        """Nothing is open."""

    async def folders(self) -> list[str]:
        self._demand()
        return list({name.partition("/")[0] for name in self.objects})

    async def list(self, folder: str) -> dict[str, int]:
        self._demand()
        return {
            name: len(data)
            for name, data in self.objects.items()
            if name.startswith(f"{folder}/") and name not in self.hides
        }

    async def size(self, name: str) -> int | None:
        self._demand()
        return len(self.objects[name]) if name in self.objects else None

    async def read(self, name: str) -> AsyncIterator[bytes]:
        self._demand()
        if name not in self.objects:
            raise TargetError("there is no such object")
        data = self.old.get(name, self.objects[name])
        for start in range(0, len(data), 1000):
            yield data[start : start + 1000]

    async def put(
        self, name: str, data: BinaryIO, size: int, sha256: bytes, until: datetime | None
    ) -> None:
        self._demand()
        self.calls.append(f"put {name}")
        if not self.forgets:
            self.objects[name] = data.read()
        if until is not None:
            self.locks[name] = until

    async def delete(self, name: str) -> None:
        self._demand()
        self.calls.append(f"delete {name}")
        self.objects.pop(name, None)

    async def locked_until(self, name: str) -> datetime | None:
        self._demand()
        return self.locks.get(name)

    async def lock(self, name: str, until: datetime) -> None:
        self._demand()
        self.calls.append(f"lock {name}")
        self.locks[name] = until

    def _demand(self) -> None:
        if self.away:
            raise TargetError("nobody is there")
