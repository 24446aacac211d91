"""Parts of the tests of sealed stores."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from chatserver import (
    AnyEvent,
    Ban,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    PluginEvent,
    Store,
    UserRef,
)
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.vault.caretaking import Caretaker
from chatserver_plugins.vault.keyring import Keyring
from chatserver_plugins.vault.masters import LocalMaster, Master, Masters
from chatserver_plugins.vault.store import SealedStore

MARKER = "Zugvogel"
SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))


class Shared(MemoryStore):
    """A store in memory that other processes may read as well."""

    async def open_to_read(self) -> None:
        pass


def written(room: str) -> list[AnyEvent]:
    """A log with the marker wherever somebody may have written something."""
    return [
        described(room, 1, name=f"{MARKER} 1", topic=f"{MARKER} 2", description=f"{MARKER} 3"),
        joined(room, 2, "u2"),
        posted(room, 3, body=f"{MARKER} 4", mentions=("u2",), reply_to=f"{room}-2"),
        posted(
            room,
            4,
            body="",
            data={"poll": {MARKER: [f"{MARKER} 5", 1 << 62, 0.5]}},
            data_text=MARKER,
        ),
        event(MessageEdited, room, 5, message=f"{room}-3", body=f"{MARKER} 6", edited_at="x"),
        event(MessageEdited, room, 6, message=f"{room}-4", body=MARKER, data={MARKER: None}),
        event(MemberLeft, room, 7, user=UserRef("u2", "Ben"), ban=Ban(reason=MARKER, until="x")),
        event(PluginEvent, room, 8, type="poll.closed", payload={MARKER: MARKER}),
        event(PluginEvent, room, 9, type="poll.closed", payload=MARKER),
        posted(room, 10, body=f"{MARKER} in a thread", thread=f"{room}-3", broadcast=True),
        event(MessageDeleted, room, 11, message=f"{room}-4"),
    ]


def local(secret: bytes = SECRET) -> LocalMaster:
    return LocalMaster(secret, "test")


class Hand:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def sealed(
    inner: Store,
    present: Master | None = None,
    *older: Master,
    bound: int = 3,
    clock: Callable[[], float] | None = None,
) -> SealedStore:
    """A sealed store, not open yet. So small a `bound` has keys fetched again all the time."""
    masters = Masters(present or local(), older)
    ring = Keyring(inner, masters, bound, *([] if clock is None else [clock]))
    return SealedStore(inner, ring)


@asynccontextmanager
async def opened(store: SealedStore) -> AsyncIterator[SealedStore]:
    try:
        await store.open()
        yield store
    finally:
        await store.close()


class Servers:
    """What servers would have been told."""

    def __init__(self) -> None:
        self.forgot: list[str] = []
        self.cleaned: dict[str, list[int]] = {}

    async def forget(self, room: str) -> None:
        self.forgot.append(room)

    async def clean(self, room: str, seqs: Sequence[int]) -> None:
        self.cleaned.setdefault(room, []).extend(seqs)


def caretaker(store: SealedStore, hand: Hand, nodes: Servers | None = None) -> Caretaker:
    return Caretaker(store, nodes or Servers(), hand.sleep, hand)
