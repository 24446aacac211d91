"""Events in frames: encrypted for the nodes of the installation, and opened again. No I/O.

An item is the number of a key and a seal: a random nonce of 96 bits, then AES-256-GCM (NIST SP 800-38D) over JSON of
`[at, [[room, first, last, [event, …]], …]]`, in base64, as a frame is text. `at` is the sender's Unix time. A room's
events ascend, and are those that the sender wrote itself; between `first` and `last` others may have written.

A frame is sealed as a whole, too (`envelopes.py`), but with a key that the store keeps for ever; contents are encrypted
so that a bus that keeps its frames has no texts in them once the key is gone (`keys.py`).
"""

import os
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta

from chatserver.cluster.bus.envelopes import MOST_ITEM_BYTES, Events, Id, Seq, encode
from chatserver.model import AnyEvent, read_event

NONCE_BYTES, TAG_BYTES = 12, 16
BOUND_TO = b"chatserver bus events 1 "  # the kind and version of the contents; the epoch follows
AROUND_BYTES = 64  # of an item and its time: all but the rooms and the base64
AROUND_RUN_BYTES = 110  # of a room's events: its id and two numbers
# Of plain text in one item, so that the item fits in a frame.
PLAIN_BYTES = (MOST_ITEM_BYTES - AROUND_BYTES) // 4 * 3 - NONCE_BYTES - TAG_BYTES - AROUND_BYTES


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Events of one room that one node wrote, ascending; not decoded yet."""

    room: Id
    first: Seq
    last: Seq
    raw: list[msgspec.Raw]

    def events(self) -> list[AnyEvent]:
        """The events, as a store reads them. Raises `Unreadable`."""
        try:
            found = [_event(raw) for raw in self.raw]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(str(error)) from error
        seqs = [event.seq for event in found]
        if any(event.room != self.room for event in found) or not seqs:
            raise Unreadable("of another room")
        if seqs != sorted(set(seqs)) or (seqs[0], seqs[-1]) != (self.first, self.last):
            raise Unreadable("with other numbers")
        return found


class Opened(msgspec.Struct, frozen=True, array_like=True):
    """What one item says, and the Unix time at which it was sealed."""

    at: float
    runs: Annotated[list[Run], Meta(max_length=1000)]


class Unreadable(Exception):
    """The item is none of this installation and version, or is damaged."""


class Key:
    """A key for contents; `number` tells the nodes which one it is."""

    def __init__(self, number: str, secret: bytes, epoch: str) -> None:
        self.number = number
        self._cipher = AESGCM(secret)
        self._bound = BOUND_TO + epoch.encode()

    def seal(self, runs: Iterable[tuple[str, Sequence[AnyEvent]]], at: float) -> Iterator[bytes]:
        """Encoded items with these events, ascending in each room (id); as few as possible.

        An event too large for a frame is left out, and so are those behind it in its room.
        """
        some: list[bytes] = []
        size = 0
        for part in _parts(runs):
            if some and size + len(part) + 1 > PLAIN_BYTES:
                yield self._sealed(some, at)
                some, size = [], 0
            some.append(part)
            size += len(part) + 1
        if some:
            yield self._sealed(some, at)

    def open(self, item: Events) -> Opened:
        """Raises `Unreadable`."""
        try:
            seal = a2b_base64(item.seal, strict_mode=True)
            plain = self._cipher.decrypt(seal[:NONCE_BYTES], seal[NONCE_BYTES:], self._bound)
            return _opened.decode(plain)
        except (InvalidTag, Base64Error, ValueError, RecursionError) as error:
            raise Unreadable(str(error) or type(error).__name__) from error

    def _sealed(self, parts: list[bytes], at: float) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        plain = b"[%b,[%b]]" % (encode(round(at, 3)), b",".join(parts))
        seal = nonce + self._cipher.encrypt(nonce, plain, self._bound)
        return encode(Events(self.number, b64encode(seal).decode()))


def _parts(runs: Iterable[tuple[str, Sequence[AnyEvent]]]) -> Iterator[bytes]:
    """JSON of runs, none larger than an item may be."""
    for room, events in runs:
        some: list[bytes] = []
        first = last = size = 0
        for event in events:
            raw = encode(event)
            if AROUND_RUN_BYTES + len(raw) > PLAIN_BYTES:
                break
            if some and AROUND_RUN_BYTES + size + len(raw) + 1 > PLAIN_BYTES:
                yield _run(room, first, last, some)
                some, size = [], 0
            if not some:
                first = event.seq
            last = event.seq
            some.append(raw)
            size += len(raw) + 1
        if some:
            yield _run(room, first, last, some)


def _run(room: str, first: int, last: int, raw: list[bytes]) -> bytes:
    return b"[%b,%d,%d,[%b]]" % (encode(room), first, last, b",".join(raw))


def _event(raw: msgspec.Raw) -> AnyEvent:
    try:
        found: AnyEvent = _known.decode(raw)
    except msgspec.ValidationError:  # of a newer version
        found = read_event(_fields.decode(raw), AnyEvent)
    return found


_known = msgspec.json.Decoder(AnyEvent)
_fields = msgspec.json.Decoder(dict[str, object])
_opened = msgspec.json.Decoder(Opened)
