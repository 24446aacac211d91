"""Frames between nodes: packed and sealed for the bus, opened and checked. No I/O, no rules.

A frame is a seal, then `{"epoch", "node", "items": […]}`; an item is `[kind, …]`. The seal is made with
a key that the store keeps for its nodes: a frame with another seal is dropped before it is parsed. A bus that
nobody else can hear or write to needs no seals. Items of unknown kinds are skipped, so that nodes of different
versions can work together.
"""

import hmac
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver.cluster.bus.runs import Id, Runs, Seq
from chatserver.delivery.notices import (
    AccountPreferencesChanged,
    BlockChanged,
    Mentioned,
    PluginNotice,
    PreferencesChanged,
    ReadMoved,
    RoomAdded,
    RoomRemoved,
    StatusChanged,
    TypingNow,
)
from chatserver.interfaces import BUS_FRAME_BYTES
from chatserver.model import ServerRole

SEAL_BYTES = 16
SEAL_DIGITS = 2 * SEAL_BYTES
AROUND_BYTES = 250  # at most, of a frame: seal, epoch and node
MOST_ITEM_BYTES = BUS_FRAME_BYTES - AROUND_BYTES


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One piece of news in a frame."""


class Head(Item, frozen=True, array_like=True, tag="head"):
    """The room has events up to `seq`."""

    room: Id
    seq: Seq


class Events(Item, frozen=True, array_like=True, tag="events"):
    """Events of several rooms, encrypted with the key of this number: `bus/contents.py`.

    A `Head` of each of the rooms follows, for nodes that cannot read this or miss events before it.
    """

    key: Id
    seal: str


class Written(Item, frozen=True, array_like=True, tag="written"):
    """Events of several rooms as they are, on a bus that nobody else can hear; the last of each run is a `Head`, too.

    `at` is the sender's Unix time.
    """

    at: float
    runs: Runs


class UserChanged(Item, frozen=True, array_like=True, tag="user"):
    """The account or its sessions have changed."""

    user: Id


class InRoom(Item, frozen=True, array_like=True, tag="typing"):
    """A typing notice for the listeners of a room."""

    news: TypingNow


class OfRoom(Item, frozen=True, array_like=True, tag="room"):
    """Any other notice for the listeners of a room."""

    room: Id
    news: PluginNotice


class OfUser(Item, frozen=True, array_like=True, tag="told"):
    """A payload for all connections of a user."""

    user: Id
    news: (
        ReadMoved
        | RoomAdded
        | RoomRemoved
        | PreferencesChanged
        | AccountPreferencesChanged
        | BlockChanged
        | PluginNotice
    )


class OfMention(Item, frozen=True, array_like=True, tag="mentioned"):
    """A notice for all connections of a user whom a message mentions."""

    user: Id
    news: Mentioned


class OfCompanions(Item, frozen=True, array_like=True, tag="status"):
    """A notice for a user, and for those who follow a room with them."""

    user: Id
    news: StatusChanged | PluginNotice


class OfEverybody(Item, frozen=True, array_like=True, tag="everybody"):
    """A notice for all connections, or for those of users with one of these roles."""

    roles: list[ServerRole]
    news: PluginNotice


class Moved(Item, frozen=True, array_like=True, tag="moved"):
    """These users have come online at the node, or have gone offline there."""

    is_on: bool
    users: list[Id]


class Beat(Item, frozen=True, array_like=True, tag="beat"):
    """The checksum of the users online at the node: `bus/online.py:Users`."""

    sum: Seq


class Ask(Item, frozen=True, array_like=True, tag="ask"):
    """Asks a node for its online users; `*` means all nodes."""

    node: Id


class Part(Item, frozen=True, array_like=True, tag="part"):
    """One part of the node's users: of that part, exactly these are online."""

    number: Annotated[int, Meta(ge=0, le=255)]
    users: list[Id]


OnlineItem = Moved | Beat | Ask | Part
AnyItem = (
    Head
    | Events
    | Written
    | UserChanged
    | InRoom
    | OfRoom
    | OfUser
    | OfMention
    | OfCompanions
    | OfEverybody
    | OnlineItem
)


class Frame(msgspec.Struct, frozen=True):
    """A frame of this installation, without the items if it is this node's own.

    `unknown` is the number of items of unknown kinds.
    """

    node: str
    items: list[AnyItem]
    unknown: int


class _Envelope(msgspec.Struct, frozen=True):
    epoch: str
    node: Id
    items: list[AnyItem]


class _RawEnvelope(msgspec.Struct, frozen=True):
    """A frame with items of unknown kinds, or damaged ones."""

    epoch: str
    node: Id
    items: list[msgspec.Raw]


_envelope = msgspec.json.Decoder(_Envelope)
_raw_envelope = msgspec.json.Decoder(_RawEnvelope)
_item = msgspec.json.Decoder(AnyItem)
encode = msgspec.json.encode


class NotOurs(Exception):
    """The bytes are not a frame of this installation."""


class Envelopes:
    """Makes and opens the frames of one node."""

    def __init__(self, key: bytes | None, epoch: str, node: str) -> None:
        """`key`, of at most 64 bytes, is known only to the nodes of the installation. None: frames have no seals."""
        self._key, self._epoch, self._node = key, epoch, node
        self._head = encode({"epoch": epoch, "node": node})[:-1] + b',"items":['
        self._room = BUS_FRAME_BYTES - SEAL_DIGITS - len(self._head) - len(b"]}")

    def pack(self, items: Iterable[bytes]) -> Iterator[bytes]:
        """Frames with these encoded items, as few as possible. An item too large for a frame is left out."""
        some: list[bytes] = []
        size = 0
        for item in items:
            if some and size + len(item) > self._room:
                yield self._sealed(some)
                some, size = [], 0
            if len(item) <= self._room:
                some.append(item)
                size += len(item) + 1
        if some:
            yield self._sealed(some)

    def unpack(self, data: bytes) -> Frame:
        """Open a frame. Raises `NotOurs` if it is not one of this installation."""
        if len(data) > BUS_FRAME_BYTES:
            raise NotOurs("too large")
        text = data if self._key is None else _unsealed(data, self._key)
        try:
            envelope, unknown = _envelope.decode(text), 0
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            envelope, unknown = _what_is_known(text)
        if envelope.epoch != self._epoch:
            raise NotOurs("of another epoch")
        if envelope.node == self._node:
            return Frame(envelope.node, [], 0)
        return Frame(envelope.node, envelope.items, unknown)

    def _sealed(self, items: list[bytes]) -> bytes:
        text = b"%b%b]}" % (self._head, b",".join(items))
        return text if self._key is None else _seal(text, self._key) + text


def _seal(text: bytes, key: bytes) -> bytes:
    return blake2b(text, key=key, digest_size=SEAL_BYTES).hexdigest().encode()


def _unsealed(data: bytes, key: bytes) -> memoryview:
    """The frame without its seal. Raises `NotOurs`."""
    if not hmac.compare_digest(data[:SEAL_DIGITS], _seal(data[SEAL_DIGITS:], key)):
        raise NotOurs("not sealed by us")
    return memoryview(data)[SEAL_DIGITS:]


def _what_is_known(text: bytes | memoryview) -> tuple[_Envelope, int]:
    """A frame without the items that this version cannot read, and their number. Raises `NotOurs`."""
    try:
        found = _raw_envelope.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotOurs(str(error)) from error
    items: list[AnyItem] = []
    for raw in found.items:
        try:
            items.append(_item.decode(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return _Envelope(found.epoch, found.node, items), len(found.items) - len(items)
