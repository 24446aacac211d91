"""The key with which nodes encrypt the contents of frames: a record of the store, replaced every ten minutes.

A key that was replaced is nowhere but in the memory of nodes, for as long as frames may be under way. So what a bus
keeps of frames cannot be read for longer, whatever is erased meanwhile. Nodes that do not have a frame's key yet read
its events from the store.
"""

import secrets

import msgspec

from chatserver.cluster.bus.contents import Key
from chatserver.cluster.installation import META
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.runtime.clock import Clock
from chatserver.runtime.singleflight import SingleFlight

RECORD = "bus_contents"
LOOK_SECONDS = 10.0
ASK_SECONDS = 1.0  # between two looks for a key that a frame names
REPLACE_SECONDS = 600.0
KEPT_SECONDS = 30.0  # after it was replaced; frames are refused that are much younger


class _Record(msgspec.Struct, frozen=True):
    """`made` is the Unix time, by the clock of the node that made it."""

    number: str
    secret: bytes
    made: float


_decode = msgspec.json.Decoder(_Record).decode


class Keys:
    """The keys that this node knows; none before the first `look`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._epoch = ""
        self._newest: Key | None = None
        self._since = 0.0  # ticks of the clock at which the newest was learnt
        self._before: Key | None = None
        self._asked = float("-inf")
        self._looking: SingleFlight[None] = SingleFlight()

    async def open(self, epoch: str) -> None:
        """Learn the key of the installation with this epoch. Raises `StoreUnavailable`."""
        self._epoch = epoch
        await self._look()

    @property
    def newest(self) -> Key | None:
        """The key to encrypt with, if it is known."""
        return self._newest

    def of(self, number: str) -> Key | None:
        """The key with this number, if it is known."""
        for key in (self._newest, self._before):
            if key is not None and key.number == number:
                return key
        return None

    async def look(self) -> None:
        """Learn the newest key, and replace one that is old. Raises `StoreUnavailable`."""
        if self._epoch:
            await self._looking.run("", self._look)

    async def ask(self) -> None:
        """Look soon for a key that a frame names. Never raises."""
        now = self._clock.ticks()
        if now - self._asked < ASK_SECONDS:
            return
        self._asked = now
        try:
            await self.look()
        except StoreUnavailable:
            return

    async def _look(self) -> None:
        raw = await self._store.get(META, RECORD)
        made = self._made()
        if raw is None:
            is_ours = await self._store.add(META, RECORD, made)
        elif self._is_old(_decode(raw)):
            is_ours = await self._store.swap(META, RECORD, raw, made)
        else:
            self._learn(_decode(raw))
            return
        found = made if is_ours else await self._store.get(META, RECORD)
        if found is not None:
            self._learn(_decode(found))

    def _made(self) -> bytes:
        return msgspec.json.encode(
            _Record(secrets.token_hex(8), secrets.token_bytes(32), self._clock.now())
        )

    def _is_old(self, found: _Record) -> bool:
        """By this node's own clock, if it has had the key for a while; before, by what the record says."""
        if self._newest is not None and self._newest.number == found.number:
            return self._clock.ticks() - self._since >= REPLACE_SECONDS
        return self._newest is None and abs(self._clock.now() - found.made) >= REPLACE_SECONDS

    def _learn(self, found: _Record) -> None:
        now = self._clock.ticks()
        if self._newest is not None and self._newest.number == found.number:
            if now - self._since >= KEPT_SECONDS:
                self._before = None
            return
        self._before, self._newest = self._newest, Key(found.number, found.secret, self._epoch)
        self._since = now
