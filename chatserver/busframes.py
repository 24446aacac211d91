"""What nodes say to each other: frames for the bus, packed and opened. No I/O, no rules.

A frame is `{"chatserver": 1, "epoch", "node", "items": […]}`, an item `[kind, …]`. Whatever else
comes over the bus is not ours. Items of a kind that this version does not know are left out, so
that nodes of different versions understand each other as far as they can.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chatserver.interfaces import BUS_FRAME_BYTES

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=0, le=2**53)]


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One thing that a node says."""


class Head(Item, frozen=True, array_like=True, tag="head"):
    """The room has events up to `seq`."""

    room: Id
    seq: Seq


class UserChanged(Item, frozen=True, array_like=True, tag="user"):
    """Something about the account or its sessions is not as it was."""

    user: Id


AnyItem = Head | UserChanged


class Frame(msgspec.Struct, frozen=True):
    """A frame that is ours. `unknown` is how many of its items are not."""

    node: str
    items: list[AnyItem]
    unknown: int


class _Envelope(msgspec.Struct, frozen=True):
    chatserver: Literal[1]
    epoch: str
    node: Id
    items: list[msgspec.Raw]


_envelope = msgspec.json.Decoder(_Envelope)
_item = msgspec.json.Decoder(AnyItem)
encode = msgspec.json.encode


class NotOurs(Exception):
    """What came over the bus is no frame of this installation."""


def unpack(data: bytes, epoch: str) -> Frame:
    """The frame, if it is one of the installation with this epoch. Raises `NotOurs`."""
    if len(data) > BUS_FRAME_BYTES:
        raise NotOurs("too large")
    try:
        envelope = _envelope.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotOurs(str(error)) from error
    if envelope.epoch != epoch:
        raise NotOurs("another installation")
    items: list[AnyItem] = []
    for raw in envelope.items:
        try:
            items.append(_item.decode(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return Frame(envelope.node, items, len(envelope.items) - len(items))


def pack(epoch: str, node: str, items: Iterable[bytes]) -> Iterator[bytes]:
    """Frames with these encoded items, as few as can be. What is too large for one is left out."""
    head = encode({"chatserver": 1, "epoch": epoch, "node": node})[:-1] + b',"items":['
    room = BUS_FRAME_BYTES - len(head) - len(b"]}")
    some: list[bytes] = []
    size = 0
    for item in items:
        if some and size + len(item) > room:
            yield b"%b%b]}" % (head, b",".join(some))
            some, size = [], 0
        if len(item) <= room:
            some.append(item)
            size += len(item) + 1
    if some:
        yield b"%b%b]}" % (head, b",".join(some))
