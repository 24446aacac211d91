"""Records of the nodes of an installation: which there are, for operators. No node acts on another's record.

Every node rewrites its record every few seconds. A reader tells a live node by a record that changes; clocks of
different machines are compared only to say earlier that a record is fresh.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
from loguru import logger

from chatserver.cluster.quarantine import UNREADABLE
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import now_text
from chatserver.version import __version__

SPACE = "node"  # record space: name of the node -> NodeRecord
BEAT_SECONDS = 5.0  # one small write each
SWEEP_BEATS = 12  # between two looks for records of nodes that were killed
FORGET_SECONDS = 600.0  # such a record is removed after this time without a change
PAGE = 1000  # records read at once

NodeState = Literal["serving", "draining"]
_encode = msgspec.json.encode


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One node's record. Times are RFC 3339, by the node's clock; `beat` grows with each writing.

    `address` and `internal` are HOST:PORT of the two listeners, `internal` empty without one. `bus` tells
    whether frames arrive, None without a bus. `place` is the same for all processes on one data folder.
    """

    node: str
    version: str = ""
    roles: list[str] = []
    started: str = ""
    at: str = ""
    beat: int = 0
    state: NodeState = "serving"
    address: str = ""
    internal: str = ""
    bus: bool | None = None
    connections: int = 0
    place: str = ""


_decode = msgspec.json.Decoder(NodeRecord).decode


class Presentation:
    """Writes this node's record until it is stopped, and removes records that dead nodes left."""

    def __init__(
        self,
        store: Store,
        node: str,
        roles: Sequence[str],
        data: Path,
        *,
        on_failure: Callable[[StoreUnavailable], None],
        bus: Callable[[], bool] | None = None,
        connections: Callable[[], int] = lambda: 0,
        beat: float = BEAT_SECONDS,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_failure` is called with each failure of the store."""
        self._store, self._on_failure = store, on_failure
        self._bus, self._connections = bus, connections
        self._beat, self._ticks = beat, ticks
        self._record = NodeRecord(
            node=node, version=__version__, roles=list(roles), place=place_of(data)
        )
        self._task: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()
        self._seen: dict[str, tuple[bytes, float]] = {}

    def start(self, address: str, internal: str) -> None:
        """Begin to write the record. The addresses are HOST:PORT."""
        self._record = msgspec.structs.replace(
            self._record, started=now_text(), address=address, internal=internal
        )
        self._task = asyncio.create_task(self._run(), name="node record")

    def drain(self) -> None:
        """Note that the node drains; the record is written soon."""
        self._record = msgspec.structs.replace(self._record, state="draining")
        self._hurried.set()

    async def stop(self) -> None:
        """Remove the record. Never raises."""
        if self._task is None:
            return
        await cancel_or_name([self._task])
        self._task = None
        try:
            await self._store.delete(SPACE, self._record.node)
        except StoreUnavailable:
            logger.warning("the node's record is not removed: the store does not answer")

    async def _run(self) -> None:
        await self._contained(self._remove_predecessors)
        while True:
            await self._contained(self._write)
            if self._record.beat % SWEEP_BEATS == 0:
                await self._contained(self._sweep)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat):
                    await self._hurried.wait()
            self._hurried.clear()

    async def _contained(self, action: Callable[[], Awaitable[None]]) -> None:
        try:
            await action()
        except StoreUnavailable as error:
            self._on_failure(error)
        except Exception:
            logger.exception("writing the node's record failed")

    async def _write(self) -> None:
        self._record = msgspec.structs.replace(
            self._record,
            at=now_text(),
            beat=self._record.beat + 1,
            bus=None if self._bus is None else self._bus(),
            connections=self._connections(),
        )
        await self._store.put(SPACE, self._record.node, _encode(self._record))

    async def _remove_predecessors(self) -> None:
        """Remove records of killed processes on this node's data folder, which is locked for one process."""
        for key, record in await raw_records(self._store):
            found = read(key, record)
            if found.place == self._record.place and key != self._record.node:
                await self._store.delete(SPACE, key)

    async def _sweep(self) -> None:
        """Remove records that have not changed for FORGET_SECONDS."""
        now = self._ticks()
        records = await raw_records(self._store)
        seen = {}
        for key, record in records:
            before = self._seen.get(key)
            seen[key] = before if before is not None and before[0] == record else (record, now)
            if now - seen[key][1] >= FORGET_SECONDS and key != self._record.node:
                logger.warning("the record of node {} is removed, which is silent", key)
                await self._store.delete(SPACE, key)
        self._seen = seen


async def raw_records(store: Store) -> list[tuple[str, bytes]]:
    """The records of all nodes, by name."""
    found: list[tuple[str, bytes]] = []
    while page := await store.scan(SPACE, "", found[-1][0] if found else "", PAGE):
        found += page
        if len(page) < PAGE:
            break
    return found


def read(key: str, record: bytes) -> NodeRecord:
    """The record of the node named `key`; only its name if it cannot be read."""
    try:
        return _decode(record)
    except UNREADABLE:
        return NodeRecord(node=key)


def place_of(data: Path) -> str:
    """This machine's name and the data folder."""
    return f"{socket.gethostname()}:{data}"
