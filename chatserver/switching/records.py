"""What is stored of switches: the last one of each plugin, its outcome on each process, and who switches now."""

import time
from typing import Any

import msgspec

from chatserver.cluster.quarantine import UNREADABLE
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.service.switches import NodeSwitch, SwitchDo

SPACE = "plugins"  # record space: plugin's name -> `Kept`
OUTCOMES = "plugins.outcomes"  # record space: plugin/round/node -> `NodeSwitch`
OWNER = "plugins.owner"  # record space: OWNER_KEY -> `Owner`
OWNER_KEY = "switch"
OWNER_SECONDS = 180.0  # after which a process that died in a switch holds nobody up
PAGE = 1000


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The last switch of a plugin. `on` is None if each node's configuration decides. `round` grows.

    `settings` are laid over those of the configuration; secrets among them are as they were given.
    """

    plugin: str
    on: bool | None
    round: int
    do: SwitchDo
    by: str
    at: str
    settings: dict[str, Any] = {}


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The switch that is under way, until a Unix time at the latest."""

    id: str
    plugin: str
    do: SwitchDo
    by: str
    until: float


class SwitchRecords:
    """The records of switches in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def own(self, owner: Owner) -> None:
        """Be the only one who switches. Raises `ChatError` plugin.busy, which says who does."""
        new = msgspec.json.encode(owner)
        if await self._store.add(OWNER, OWNER_KEY, new):
            return
        old = await self._store.get(OWNER, OWNER_KEY)
        found = None if old is None else _read_owner(old)
        if old is None or (found is not None and found.until >= time.time()):
            raise _busy(found)
        if not await self._store.swap(OWNER, OWNER_KEY, old, new):
            raise _busy(None)

    async def disown(self, owner: Owner) -> None:
        await self._store.delete(OWNER, OWNER_KEY, msgspec.json.encode(owner))

    async def kept(self, plugin: str) -> Kept | None:
        record = await self._store.get(SPACE, plugin)
        return None if record is None else _read_kept(record)

    async def all(self) -> list[Kept]:
        rows = await self._store.scan(SPACE, "", "", PAGE)
        return [found for _, record in rows if (found := _read_kept(record)) is not None]

    async def keep(self, kept: Kept) -> None:
        await self._store.put(SPACE, kept.plugin, msgspec.json.encode(kept))

    async def note(self, plugin: str, number: int, outcome: NodeSwitch) -> None:
        """Note the outcome on one process."""
        key = f"{plugin}/{number}/{outcome.node}"
        await self._store.put(OUTCOMES, key, msgspec.json.encode(outcome))

    async def outcomes(self, plugin: str, number: int) -> list[NodeSwitch]:
        rows = await self._store.scan(OUTCOMES, f"{plugin}/{number}/", "", PAGE)
        return [msgspec.json.decode(record, type=NodeSwitch) for _, record in rows]

    async def forget(self, plugin: str, number: int) -> None:
        """Remove the outcomes of earlier rounds."""
        for key, _ in await self._store.scan(OUTCOMES, f"{plugin}/", "", PAGE):
            if not key.startswith(f"{plugin}/{number}/"):
                await self._store.delete(OUTCOMES, key)


def _busy(owner: Owner | None) -> ChatError:
    if owner is None:
        return ChatError("plugin.busy", after_ms=1000)
    text = f"{owner.by or 'An operator'} switches {owner.plugin} {owner.do} at the moment."
    return ChatError("plugin.busy", text, detail={"plugin": owner.plugin}, after_ms=1000)


def _read_owner(record: bytes) -> Owner | None:
    try:
        return msgspec.json.decode(record, type=Owner)
    except UNREADABLE:
        return None


def _read_kept(record: bytes) -> Kept | None:
    try:
        return msgspec.json.decode(record, type=Kept)
    except UNREADABLE:
        return None
