"""Buses for tests: several nodes in one process, each with a way to the others that may fail."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from chatserver.errors import BusUnavailable

Fault = tuple[str, float]


class Wire:
    """Connects the buses of one installation. Nodes trust one that is private with texts as they are.

    Those of one that is prompt hand over frames without waiting, unless a fault makes them wait.
    """

    def __init__(self, *, is_private: bool = False, is_prompt: bool = False) -> None:
        self.is_private, self.is_prompt = is_private, is_prompt
        self.buses: list[WireBus] = []
        self.frames: list[bytes] = []

    def bus(self, faults: Iterable[Fault] = ()) -> "WireBus":
        return (PromptWireBus if self.is_prompt else WireBus)(self, faults)

    def carry(self, frame: bytes) -> None:
        """Hand a frame to all nodes, also to who sent it."""
        self.frames.append(frame)
        for bus in list(self.buses):
            bus.receive(frame)


class WireBus:
    """A node's bus. Each fault is used for one frame, in order; then all is well.

    A fault is (kind, seconds): `lost`, `twice`, `late` by so many seconds, behind others then,
    `strange` for garbage in its place, `away` for a publish that fails and is over after a while.
    """

    def __init__(self, wire: Wire, faults: Iterable[Fault]) -> None:
        self._wire, self._faults = wire, iter(faults)
        self.is_private = wire.is_private
        self._tasks: set[asyncio.Task[None]] = set()
        self.receive: Callable[[bytes], None]
        self.restored: Callable[[], None]

    async def open(self, receive: Callable[[bytes], None], restored: Callable[[], None]) -> None:
        self.receive, self.restored = receive, restored
        self._wire.buses.append(self)
        restored()

    async def publish(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            if (seconds := self._carry(frame)) is not None:
                await self._be_away(seconds)

    def _carry(self, frame: bytes) -> float | None:
        """Carry one frame, or what its fault makes of it. Returns for how long the bus is away, if it is."""
        kind, seconds = next(self._faults, ("", 0.0))
        if kind == "away":
            return seconds
        if kind in ("late", "twice"):
            task = asyncio.create_task(self._later(seconds, frame))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if kind == "strange":
            self._wire.carry(frame[: len(frame) // 2])
        if kind in ("", "twice"):
            self._wire.carry(frame)
        return None

    async def _be_away(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise BusUnavailable

    async def _later(self, seconds: float, frame: bytes) -> None:
        await asyncio.sleep(seconds)
        self._wire.carry(frame)

    def is_connected(self) -> bool:
        return self in self._wire.buses

    async def close(self) -> None:
        self._wire.buses.remove(self)
        for task in list(self._tasks):
            task.cancel()


class PromptWireBus(WireBus):
    """One that need not be awaited while it is not away."""

    def publish_now(self, frames: Sequence[bytes]) -> Awaitable[None] | None:
        for frame in frames:
            if (seconds := self._carry(frame)) is not None:
                return self._be_away(seconds)
        return None
