"""What stands in the store instead of contents: AES-256-GCM (NIST SP 800-38D), bound to its place.

A seal is a head, a random nonce of 96 bits, the ciphertext and its tag of 16 bytes. The head is a byte for the format
and two for the number of the data key of the room or space; in the second format, of what a person has written, two
more for the number of the person's key, and the key is derived from both. In events a seal is base64, in a field that
no unsealed event uses so: in messages and edits `data_text`, which is never there without `data`; elsewhere texts that
begin with MARK, which no text of a user does. Values of records and index pages begin with MAGIC, which no UTF-8 text
does. Associated data bind a seal to the kind, seq and author of its event, or to the key of its record; the data key is
one of the room, or of the space. Moved to another place, a seal is as good as damaged.
"""

import hmac
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
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

PLACED, PERSONAL = 1, 2  # formats: with the key of a place alone, and of a place and a person
FORMAT = PERSONAL  # the newest
HEADS = {PLACED: 3, PERSONAL: 5}  # bytes of the head
NONCE_BYTES = 12
MARK = "\x01"
MAGIC = b"\xf5\xffv"  # bytes that are nowhere in UTF-8
NUMBERS = (1 << 16) - 1  # of data keys of one room or space
PAGE_BYTES = 256  # index pages are padded to a multiple, as a page's length tells of its words
_PERSONAL = HEADS[PERSONAL]
_START = _PERSONAL + NONCE_BYTES
_BOTH = b"chatserver vault place and person\x01"
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


def cipher_of(secret: bytes, person: bytes = b"") -> Cipher:
    """The cipher of a place's key; with a person's key, of one that follows from both.

    That is by HMAC, as in HKDF-Extract (RFC 5869): without either of them, it is as good as random.
    """
    return AESGCM(hmac.digest(secret, _BOTH + person, "sha256") if person else secret)


class Sealer:
    """Seals with one data key. `person` is the number of the person's key, if there is one in it."""

    __slots__ = ("_encrypt", "_head")

    def __init__(self, cipher: Cipher, number: int, person: int | None = None) -> None:
        self._encrypt = cipher.encrypt
        head = bytes((PLACED if person is None else PERSONAL,)) + number.to_bytes(2, "big")
        self._head = head if person is None else head + person.to_bytes(2, "big")

    def seal(self, nonce: bytes, data: bytes, place: bytes) -> bytes:
        """The seal; `nonce` is random, and used for nothing else."""
        return self._head + nonce + self._encrypt(nonce, data, place)

    def sealed_message(self, event: MessagePosted, nonce: bytes) -> MessagePosted:
        """The message without its content in clear; the same message if it says nothing."""
        data = _said(event)
        if not data:
            return event
        place = f"m{event.seq}\0{event.author.id}".encode()
        seal = b2a_base64(self._head + nonce + self._encrypt(nonce, data, place), newline=False)
        return replace(event, body="", data=NO_DATA, data_text=seal.decode())


# The cipher of a seal with this head. Raises `UnknownKey`, `Destroyed`.
Find: TypeAlias = Callable[[bytes], Cipher]


class UnknownKey(Exception):
    """A seal names a data key that is not among those given: a newer one, or it is lost."""

    def __init__(self, scope: str, number: int) -> None:
        super().__init__(scope, number)
        self.scope, self.number = scope, number


class Destroyed(Exception):
    """A key of a seal was destroyed, and its content with it."""


def number_of(seal: bytes) -> int:
    """The number of the key of a seal's place."""
    return int.from_bytes(seal[1:3], "big")


def person_of(seal: bytes) -> int | None:
    """The number of the person's key in a seal, if there is one in it."""
    return int.from_bytes(seal[3:5], "big") if seal[:1] == bytes((PERSONAL,)) else None


def opened(seal: bytes, find: Find, place: bytes, what: Callable[[], str]) -> bytes:
    """What was sealed. Raises `UnknownKey`, `Destroyed`, and `StoreUnavailable` for a seal that is damaged or moved."""
    head = HEADS.get(seal[0], 0) if seal else 0
    start = head + NONCE_BYTES
    if not head or len(seal) < start:
        raise damaged(what())
    try:
        return find(seal[:head]).decrypt(seal[head:start], seal[start:], place)
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
        return sealer.sealed_message(event, nonce)
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


def writer_of(event: AnyEvent) -> str:
    """The user (id) without whose key nobody reads the event; "" for what is the room's: its name, topic, description."""
    return "" if isinstance(event, RoomChanged) else event.author.id


def is_to_seal(event: AnyEvent) -> bool:
    """Whether an event in clear has something that is sealed."""
    match event:
        case MessagePosted() | MessageEdited():
            return bool(event.body or event.data or event.data_text)
        case RoomChanged():
            return event.name is not None or bool(event.topic or event.description)
        case MemberLeft():
            return event.ban is not None and bool(event.ban.reason)
        case PluginEvent():
            return event.payload is not None
    return False


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


# Of one room: by author (id) the head of the last seal, and its cipher.
Readers: TypeAlias = Mapping[str, tuple[bytes, Cipher]]
_NEVER: tuple[bytes, Cipher | None] = (b"", None)


def opened_message(
    event: MessagePosted, readers: Readers, find: Callable[[MessagePosted, bytes], Cipher]
) -> MessagePosted:
    """As `opened_event` of a posted message, in half the time: pages of history are made of these.

    `find` has the cipher of its seal if it is not among the readers. Raises what that raises, and `LookupError` and
    `ValueError` for all that is not as usual, which `opened_event` judges.
    """
    if not event.data_text or event.data:
        return event
    seal, author = a2b_base64(event.data_text), event.author.id
    head, cipher = readers.get(author, _NEVER)
    if cipher is None or seal[:_PERSONAL] != head:
        cipher = find(event, seal)
    place = f"m{event.seq}\0{author}".encode()
    try:
        data = cipher.decrypt(seal[_PERSONAL:_START], seal[_START:], place)
    except InvalidTag:
        raise ValueError from None
    if data[0] == _PLAIN:
        return replace(event, body=data[1:].decode(), data_text="")
    body, found, text = _message(data[1:])
    return replace(event, body=body, data=found or NO_DATA, data_text=text)


def opened_event(event: AnyEvent, seal: bytes, find: Find) -> AnyEvent:
    """The event with its content; cleared if the key was destroyed. Raises as `opened`."""
    try:
        data = opened(seal, find, place_of(event), lambda: f"event {event.room}/{event.seq}")
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


def opened_value(space: str, key: str, value: bytes, find: Find) -> bytes:
    """The value of a record. Raises as `opened`."""
    return opened(value[len(MAGIC) :], find, key.encode(), lambda: f"record {space}/{key}")


def sealed_page(place: IndexPlace, data: bytes, sealer: Sealer, nonce: bytes) -> bytes:
    """The page, padded, so that its length does not tell of its words."""
    padded = len(data).to_bytes(4, "big") + data
    padded += bytes(-len(padded) % PAGE_BYTES)
    return MAGIC + sealer.seal(nonce, padded, _page_place(place))


def opened_page(place: IndexPlace, page: bytes, find: Find) -> bytes | None:
    """The page; None if it is not whole, or its key was destroyed: then the index is made again from the log."""
    if not is_sealed(page):
        return None
    try:
        padded = opened(page[len(MAGIC) :], find, _page_place(place), lambda: "an index page")
    except Destroyed:
        return None
    return padded[4 : 4 + int.from_bytes(padded[:4], "big")]


def _page_place(place: IndexPlace) -> bytes:
    return f"{place[1]}:{place[2]}".encode()
