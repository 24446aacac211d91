"""The messages of graphql-transport-ws: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.

Parses messages and makes frames, without I/O.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from chatserver import text_frame

SUBPROTOCOL: Final = "graphql-transport-ws"

# Close codes. Clients reconnect after some of these, and give up after others.
INVALID: Final = 4400  # an invalid message
UNAUTHORIZED: Final = 4401  # an operation before the acknowledgement
FORBIDDEN: Final = 4403  # no valid session
NO_SUBPROTOCOL: Final = 4406
INIT_TIMEOUT: Final = 4408
ID_IN_USE: Final = 4409
INIT_TWICE: Final = 4429
FAILED: Final = 4500  # an internal error
TRY_AGAIN_LATER: Final = 1013
CLOSES: Final = frozenset(
    {
        INVALID,
        UNAUTHORIZED,
        FORBIDDEN,
        NO_SUBPROTOCOL,
        INIT_TIMEOUT,
        ID_IN_USE,
        INIT_TWICE,
        FAILED,
    }
)

HEADERS = 4096  # of frames, by the length of the text

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Payload = dict[str, Any]


class Init(msgspec.Struct, frozen=True, tag_field="type", tag="connection_init"):
    payload: Payload | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    payload: Payload | None = None


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    payload: Payload | None = None


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    id: Id
    payload: Payload


class Complete(msgspec.Struct, frozen=True, tag_field="type", tag="complete"):
    id: Id


Message = Init | Ping | Pong | Subscribe | Complete
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def parse(text: bytes) -> Message:
    """A message of a client. Raises `ValueError` with the reason if it is not valid."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def acknowledged(epoch: str) -> bytes:
    return _frame({"type": "connection_ack", "payload": {"epoch": epoch}})


def pong(payload: Payload | None) -> bytes:
    return _frame({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def encoded_id(id: str) -> bytes:
    """An id, encoded for frames."""
    return msgspec.json.encode(id)


def next_frame(id: bytes, payload: bytes) -> bytes:
    return text_frame(_next(id, payload))


def error_frame(id: bytes, errors: Sequence[object]) -> bytes:
    payload = msgspec.json.encode(errors)
    return text_frame(b'{"id":%b,"type":"error","payload":%b}' % (id, payload))


def complete_frame(id: bytes) -> bytes:
    return text_frame(b'{"id":%b,"type":"complete"}' % id)


def pieces(payloads: Sequence[bytes], length: int) -> list[bytes]:
    """Parts of `next` frames of these payloads, to be joined by an id of `length` bytes."""
    found, rest = [], b""
    for payload in payloads:
        found.append(b'%b%b{"id":' % (rest, _header(_AROUND + length + len(payload))))
        rest = b',"type":"next","payload":%b}' % payload
    return [*found, rest]


@lru_cache(HEADERS)
def _header(length: int) -> bytes:
    """What comes before a text of this length in a frame."""
    return text_frame(bytes(length))[:-length]


def _next(id: bytes, payload: bytes) -> bytes:
    return b'{"id":%b,"type":"next","payload":%b}' % (id, payload)


_AROUND = len(_next(b"", b""))


def _frame(message: object) -> bytes:
    return text_frame(msgspec.json.encode(message))
