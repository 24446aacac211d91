"""Events in frames: encrypted for the nodes of the installation, and opened again. No I/O.

An item is the number of a key and a seal: a random nonce of 96 bits, then AES-256-GCM (NIST SP 800-38D) over JSON of
`[at, [run, …]]` (`runs.py`), in base64, as a frame is text. `at` is the sender's Unix time.

A frame is sealed as a whole, too (`envelopes.py`), but with a key that the store keeps for ever; contents are encrypted
so that a bus that keeps its frames has no texts in them once the key is gone (`keys.py`). On a bus that nobody else can
hear, and that keeps nothing, they are not: `plain`.
"""

import os
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chatserver.cluster.bus.envelopes import MOST_ITEM_BYTES, Events, encode
from chatserver.cluster.bus.runs import Runs, Unreadable, gathered
from chatserver.model import AnyEvent

NONCE_BYTES, TAG_BYTES = 12, 16
BOUND_TO = b"chatserver bus events 1 "  # the kind and version of the contents; the epoch follows
AROUND_BYTES = 64  # of an item and its time: all but the rooms and the base64
PLAIN_BYTES = MOST_ITEM_BYTES - AROUND_BYTES  # of runs in one item, so that it fits in a frame …
SEALED_BYTES = (
    PLAIN_BYTES // 4 * 3 - NONCE_BYTES - TAG_BYTES - AROUND_BYTES
)  # … and if it is encrypted


class Opened(msgspec.Struct, frozen=True, array_like=True):
    """What one item says, and the Unix time at which it was sealed."""

    at: float
    runs: Runs


class Key:
    """A key for contents; `number` tells the nodes which one it is."""

    def __init__(self, number: str, secret: bytes, epoch: str) -> None:
        self.number = number
        self._cipher = AESGCM(secret)
        self._bound = BOUND_TO + epoch.encode()

    def seal(self, written: Iterable[tuple[str, Sequence[AnyEvent]]], at: float) -> Iterator[bytes]:
        """Encoded items with these events, as few as possible: see `runs.gathered`."""
        for runs in gathered(written, SEALED_BYTES):
            nonce = os.urandom(NONCE_BYTES)
            text = b"[%b,[%b]]" % (encode(round(at, 3)), b",".join(run.text for run in runs))
            seal = nonce + self._cipher.encrypt(nonce, text, self._bound)
            yield encode(Events(self.number, b64encode(seal).decode()))

    def open(self, item: Events) -> Opened:
        """Raises `Unreadable`."""
        try:
            seal = a2b_base64(item.seal, strict_mode=True)
            plain = self._cipher.decrypt(seal[:NONCE_BYTES], seal[NONCE_BYTES:], self._bound)
            return _opened.decode(plain)
        except (InvalidTag, Base64Error, ValueError, RecursionError) as error:
            raise Unreadable(str(error) or type(error).__name__) from error


class Plain(NamedTuple):
    """An encoded item with events as they are (`envelopes.py:Written`)."""

    item: bytes
    heads: dict[str, int]  # the last seq of each room in it


def plain(written: Iterable[tuple[str, Sequence[AnyEvent]]], at: float) -> Iterator[Plain]:
    """Items with these events, not encrypted, as few as possible."""
    for runs in gathered(written, PLAIN_BYTES):
        texts = b",".join([run.text for run in runs])
        item = b'["written",%b,[%b]]' % (encode(round(at, 3)), texts)
        yield Plain(item, {run.room: run.last for run in runs})


_opened = msgspec.json.Decoder(Opened)
