"""Nodes with blobs over one store and one back end, and a clock that a test sets."""

import asyncio
import secrets
from typing import Any

from chatserver.blobs.model import PLACES, Blob
from chatserver.blobs.service import BlobService
from chatserver.config.sections import BlobsConfig
from chatserver.hooks.blobs import Blobs
from chatserver.runtime.measure import Measures
from chatserver.testing.blobs import given
from chatserver_plugins.memory import MemoryStore
from tests.blobs.memory import MemoryBlobs

HOUR = 3600.0
SMALL = BlobsConfig(
    largest_mb=1, mb_per_user=3, files_per_user=8, uploads_per_user=3, keep_hours=1, orphan_hours=48
)


class Clock:
    """A time that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_hours(self, hours: float) -> None:
        self.now += hours * HOUR


class Scene:
    """Two nodes of one installation."""

    def __init__(self, blobs: Blobs | None = None, config: BlobsConfig = SMALL) -> None:
        self.clock = Clock()
        self.store: Any = MemoryStore()
        self.blobs: Any = blobs or MemoryBlobs()
        self.blobs.now = self.clock
        self.epoch = secrets.token_hex(8)
        self.config = config
        self.one, self.other = self.node(), self.node()

    def node(self, epoch: str | None = None, store: Any = None) -> BlobService:
        """One more node."""
        return BlobService(
            store or self.store,
            self.blobs,
            self.config,
            lambda: epoch or self.epoch,
            Measures(),
            self.clock,
        )

    async def take(self, content: bytes = b"content", owner: str = "ada", **facts: Any) -> Blob:
        return await self.one.take(owner, given([content]), **facts)

    async def content(self, blob: Blob, start: int = 0, length: int | None = None) -> bytes:
        return b"".join([part async for part in self.other.read(blob, start, length)])

    async def records(self) -> dict[str, int]:
        """The number of records in each space, without that of the owner's mark."""
        spaces = set(await self.store.spaces()) - {PLACES}
        return {space: len(await self.store.scan(space, "")) for space in spaces}

    def pieces(self) -> list[str]:
        """The keys of all content that is stored, without the owner's mark."""
        return sorted(key for key in self.blobs.contents if not key.startswith("0" * 24))

    async def collect(self, hours: float = 2.0, runs: int = 3) -> None:
        """Runs of the collector with time in between."""
        for _ in range(runs):
            self.clock.pass_hours(hours)
            await self.one.collector.collect()


def run(test: Any) -> Any:
    """Run a coroutine function on a loop of its own, for property tests."""
    return asyncio.run(test())
