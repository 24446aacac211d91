"""What stands in the store instead of contents: AES-256-GCM (NIST SP 800-38D), bound to its place.

A seal is a byte for the format, two for the number of the data key, a random nonce of 96 bits, the ciphertext and its
tag of 16 bytes. In events it is base64, in a field that no unsealed event uses so: in messages and edits `data_text`,
which is never there without `data`; elsewhere texts that begin with MARK, which no text of a user does. Values of
records and index pages begin with MAGIC, which no UTF-8 text does. Associated data bind a seal to the kind, seq and
author of its event, or to the key of its record; the data key is one of the room, or of the space. Moved to another
place, a seal is as good as damaged.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from msgspec.structs import fields, replace

from chatserver import (
    AnyEvent,
    Ban,
    IndexPlace,
    MemberLeft,
    MessageEdited,
    MessagePosted,
    PluginEvent,
    RoomChanged,
    StoreUnavailable,
    cleared,
)

FORMAT = 1
NONCE_BYTES = 12
MARK = "\x01"
MAGIC = b"\xf5\xffv"  # bytes that are nowhere in UTF-8
HEAD_BYTES = 3  # format, number of the key
NUMBERS = (1 << 16) - 1  # of data keys of one room or space
PAGE_BYTES = 256  # index pages are padded to a multiple, as a page's length tells of its words
_START = HEAD_BYTES + NONCE_BYTES
_SHORTEST = _START + 16  # with the tag of an empty text
# The first byte of a message's plaintext: its body follows; or JSON of all fields.
_TEXT, _FIELDS = b"t", b"j"
_PLAIN = _TEXT[0]

# The data of a message without any; another empty mapping would be written out.
NO_DATA = next(each.default for each in fields(MessagePosted) if each.name == "data")

_encode = msgspec.json.Encoder().encode
_message = msgspec.json.Decoder(tuple[str, dict[str, Any], str]).decode
_room = msgspec.json.Decoder(tuple[str | None, str, str]).decode


class Cipher(Protocol):
    """What AESGCM of `cryptography` has."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


class Sealer:
    """Seals with one data key."""

    __slots__ = ("_cipher", "_head", "number")

    def __init__(self, number: int, cipher: Cipher) -> None:
        self.number, self._cipher = number, cipher
        self._head = bytes((FORMAT,)) + number.to_bytes(2, "big")

    def seal(self, nonce: bytes, data: bytes, place: bytes) -> bytes:
        """The seal; `nonce` is random, and used for nothing else."""
        return self._head + nonce + self._cipher.encrypt(nonce, data, place)


# The data keys of a room or space by number; None for one that was destroyed.
Ciphers: TypeAlias = Mapping[int, Cipher | None]


class UnknownKey(Exception):
    """A seal names a data key that is not among those given: a newer one, or it is lost."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Destroyed(Exception):
    """The data key of a seal was destroyed, and its content with it."""


def number_of(seal: bytes) -> int:
    """The number of the key of a seal."""
    return int.from_bytes(seal[1:HEAD_BYTES], "big")


def opened(seal: bytes, ciphers: Ciphers, place: bytes, what: Callable[[], str]) -> bytes:
    """What was sealed. Raises `UnknownKey`, `Destroyed`, and `StoreUnavailable` for a seal that is damaged or moved."""
    if len(seal) < _START or seal[0] != FORMAT:
        raise damaged(what())
    number = number_of(seal)
    try:
        cipher = ciphers[number]
    except KeyError:
        raise UnknownKey(number) from None
    if cipher is None:
        raise Destroyed
    try:
        return cipher.decrypt(seal[HEAD_BYTES:_START], seal[_START:], place)
    except (InvalidTag, ValueError):
        raise damaged(what()) from None


def damaged(what: str) -> StoreUnavailable:
    return StoreUnavailable(
        reason=f"vault: the seal of {what} does not match: it was damaged or changed in the database"
    )


# -- events --------------------------------------------------------------------------------------------


def sealed_event(event: AnyEvent, sealer: Sealer, nonce: bytes) -> AnyEvent:
    """The event without its content in clear; the same event if it has none."""
    if isinstance(event, MessagePosted):
        data = _said(event)
        if not data:
            return event
        seal = sealer.seal(nonce, data, f"m{event.seq}\0{event.author.id}".encode())
        text = b2a_base64(seal, newline=False).decode()
        return replace(event, body="", data=NO_DATA, data_text=text)
    return _sealed_other(event, sealer, nonce)


def _said(event: MessagePosted | MessageEdited) -> bytes:
    """The plaintext of a message or edit; empty if it says nothing."""
    if event.data or event.data_text:
        return _FIELDS + _encode((event.body, event.data, event.data_text))
    return _TEXT + event.body.encode() if event.body else b""


def _sealed_other(event: AnyEvent, sealer: Sealer, nonce: bytes) -> AnyEvent:
    def seal(data: bytes) -> str:
        made = sealer.seal(nonce, data, place_of(event))
        return b2a_base64(made, newline=False).decode()

    match event:
        case MessageEdited() if content := _said(event):
            return replace(event, body="", data=NO_DATA, data_text=seal(content))
        case RoomChanged() if event.name is not None or event.topic or event.description:
            content = _encode((event.name, event.topic, event.description))
            return replace(event, name=MARK + seal(content), topic="", description="")
        case MemberLeft() if event.ban is not None and event.ban.reason:
            ban = Ban(reason=MARK + seal(event.ban.reason.encode()), until=event.ban.until)
            return replace(event, ban=ban)
        case PluginEvent() if event.payload is not None:
            return replace(event, payload=MARK + seal(_encode(event.payload)))
    return event


def place_of(event: AnyEvent) -> bytes:
    """The associated data of the event's seal. The room is that of its key."""
    return f"{_KINDS[type(event)]}{event.seq}\0{event.author.id}".encode()


_KINDS = {
    MessagePosted: "m",
    MessageEdited: "e",
    RoomChanged: "r",
    MemberLeft: "b",
    PluginEvent: "p",
}


def seal_in(event: AnyEvent) -> bytes | None:
    """The seal that an event of the store has; None for one in clear."""
    match event:
        case MessagePosted() | MessageEdited():
            text = event.data_text if event.data_text and not event.data else ""
        case RoomChanged():
            text = event.name or ""
            text = text[1:] if text.startswith(MARK) else ""
        case MemberLeft() if event.ban is not None:
            text = event.ban.reason[1:] if event.ban.reason.startswith(MARK) else ""
        case PluginEvent():
            payload = event.payload
            text = payload[1:] if isinstance(payload, str) and payload.startswith(MARK) else ""
        case _:
            return None
    if not text:
        return None
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        raise damaged(f"event {event.room}/{event.seq}") from None


def has_content(event: AnyEvent) -> bool:
    """Whether an event of the store has something in clear that would be sealed."""
    match event:
        case MessagePosted() | MessageEdited():
            return bool(event.body or event.data)
        case RoomChanged():
            sealed = event.name is not None and event.name.startswith(MARK)
            return not sealed and bool(event.name is not None or event.topic or event.description)
        case MemberLeft():
            return event.ban is not None and event.ban.reason[:1] not in ("", MARK)
        case PluginEvent():
            return event.payload is not None and seal_in(event) is None
    return False


def opened_message(event: MessagePosted, ciphers: Ciphers) -> MessagePosted:
    """As `opened_event` of a posted message, in half the time: pages of history are made of these.

    Raises `ValueError` for all that is not as usual, which `opened_event` judges.
    """
    seal = a2b_base64(event.data_text)
    number = seal[1] << 8 | seal[2] if len(seal) >= _SHORTEST else -1
    cipher = ciphers.get(number)
    if cipher is None or seal[0] != FORMAT:
        raise ValueError
    try:
        data = cipher.decrypt(
            seal[HEAD_BYTES:_START], seal[_START:], f"m{event.seq}\0{event.author.id}".encode()
        )
    except InvalidTag:
        raise ValueError from None
    if data[0] == _PLAIN:
        return replace(event, body=data[1:].decode(), data_text="")
    body, found, text = _message(data[1:])
    return replace(event, body=body, data=found or NO_DATA, data_text=text)


def opened_event(event: AnyEvent, seal: bytes, ciphers: Ciphers) -> AnyEvent:
    """The event with its content; cleared if the key was destroyed. Raises as `opened`."""
    try:
        data = opened(seal, ciphers, place_of(event), lambda: f"event {event.room}/{event.seq}")
    except Destroyed:
        return cleared(event)
    match event:
        case MessagePosted() | MessageEdited() if data[:1] == _TEXT:
            return replace(event, body=data[1:].decode(), data_text="")
        case MessagePosted() | MessageEdited():
            body, found, text = _message(data[1:])
            return replace(event, body=body, data=found or NO_DATA, data_text=text)
        case RoomChanged():
            name, topic, description = _room(data)
            return replace(event, name=name, topic=topic, description=description)
        case MemberLeft() if event.ban is not None:
            return replace(event, ban=Ban(reason=data.decode(), until=event.ban.until))
        case PluginEvent():
            return replace(event, payload=msgspec.json.decode(data))
    return event


# -- values of records, pages of the index -------------------------------------------------------------


def sealed_value(key: str, value: bytes, sealer: Sealer, nonce: bytes) -> bytes:
    return MAGIC + sealer.seal(nonce, value, key.encode())


def is_sealed(value: bytes) -> bool:
    return value.startswith(MAGIC)


def opened_value(space: str, key: str, value: bytes, ciphers: Ciphers) -> bytes:
    """The value of a record. Raises as `opened`."""
    return opened(value[len(MAGIC) :], ciphers, key.encode(), lambda: f"record {space}/{key}")


def sealed_page(place: IndexPlace, data: bytes, sealer: Sealer, nonce: bytes) -> bytes:
    """The page, padded, so that its length does not tell of its words."""
    padded = len(data).to_bytes(4, "big") + data
    padded += bytes(-len(padded) % PAGE_BYTES)
    return MAGIC + sealer.seal(nonce, padded, _page_place(place))


def opened_page(place: IndexPlace, page: bytes, ciphers: Ciphers) -> bytes | None:
    """The page; None if it is not whole, or its key was destroyed: then the index is made again from the log."""
    if not is_sealed(page):
        return None
    try:
        padded = opened(page[len(MAGIC) :], ciphers, _page_place(place), lambda: "an index page")
    except Destroyed:
        return None
    return padded[4 : 4 + int.from_bytes(padded[:4], "big")]


def _page_place(place: IndexPlace) -> bytes:
    return f"{place[1]}:{place[2]}".encode()
