"""Parses received WebSocket frames (RFC 6455): takes a byte stream apart into messages.

Pure: no sockets, no loop. `chatserver/delivery/encoding.py` builds the frames to send; `transport.py` decides what
happens to a client that breaks the protocol.
"""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from typing import Final

from tornado.util import _websocket_mask

from chatserver.delivery.encoding import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    INTERNAL_ERROR,
    INVALID_DATA,
    MAX_CONTROL_PAYLOAD,
    NORMAL,
    PING,
    POLICY_VIOLATION,
    PONG,
    PROTOCOL_ERROR,
    RSV1,
    TEXT,
    TOO_BIG,
    binary_frame,
    close_frame,
    control_frame,
    deflated_frame,
    text_frame,
)

FRAGMENT_COST: Final = 64
"""Bytes that each continuation frame counts towards the message limit beyond its payload: without
them a message of a million empty fragments would stay below any limit."""

Message = tuple[int, bytes]
"""Opcode (TEXT, BINARY, CLOSE, PING or PONG) and payload."""

_utf8_decoder = getincrementaldecoder("utf-8")


class FrameError(Exception):
    """The peer broke the protocol; `code` is the code to close the connection with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def close_status(payload: bytes) -> tuple[int | None, str]:
    """Code and reason in the payload of a received close frame.

    Raises FrameError for payloads that RFC 6455 sections 5.5.1 and 7.4 do not allow.
    """
    if not payload:
        return None, ""
    if len(payload) == 1:
        raise FrameError(PROTOCOL_ERROR, "close code cut short")
    code = int.from_bytes(payload[:2])
    if not _may_be_sent(code):
        raise FrameError(PROTOCOL_ERROR, "invalid close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID_DATA, "close reason is not UTF-8") from None


def _may_be_sent(code: int) -> bool:
    # 1012-1014 were registered with IANA after the RFC.
    return 3000 <= code <= 4999 or 1000 <= code <= 1003 or 1007 <= code <= 1014


class FrameReader:
    """Takes the bytes a client sends apart into messages and control frames.

    feed() bytes as they come, then call next_message() until it gives None. Any split of the same
    stream gives the same messages. After a FrameError the reader is of no further use.
    """

    __slots__ = (
        "_data", "_decoder", "_deflated", "_first", "_in_frame", "_in_message", "_inflate",
        "_limit", "_mask", "_message", "_missing", "_opcode", "_payload", "_pos", "_spent",
    )  # fmt: skip

    def __init__(
        self, max_message_size: int, inflate: Callable[[bytes, int], bytes] | None = None
    ) -> None:
        """inflate(payload, limit) undoes permessage-deflate, if it was negotiated."""
        self._limit = max_message_size
        self._inflate = inflate
        self._data = b""
        self._pos = 0
        # A frame of which only a part has come.
        self._in_frame = False
        self._payload = bytearray()
        self._missing = 0
        self._first = 0
        self._mask = b""
        # A message of which only some fragments have come.
        self._in_message = False
        self._message = bytearray()
        self._opcode = 0
        self._deflated = False
        self._spent = 0
        self._decoder: IncrementalDecoder | None = None

    @property
    def waiting(self) -> bool:
        """Whether bytes are left that next_message() has not looked at."""
        return self._pos < len(self._data)

    @property
    def is_inside(self) -> bool:
        """Whether a frame or a message has begun whose rest has not come yet."""
        return self._in_frame or self._in_message or self._pos < len(self._data)

    def feed(self, data: bytes) -> None:
        if self._pos < len(self._data):
            self._data = self._data[self._pos :] + data
        else:
            self._data = data
        self._pos = 0

    def next_message(self) -> Message | None:
        """The next complete message or control frame; None when more bytes are needed."""
        data = self._data
        pos = self._pos
        end = len(data)
        # The usual case for a chat client: a short text message in one complete frame.
        if end - pos > 6 and data[pos] == FIN | TEXT and not self._in_frame:
            length = data[pos + 1] - 128
            if 0 <= length < 126 and not self._in_message and length <= self._limit:
                start = pos + 6
                stop = start + length
                if stop <= end:
                    payload = _websocket_mask(data[pos + 2 : start], data[start:stop])
                    if not payload.isascii():
                        _check_utf8(payload)
                    self._pos = stop
                    return TEXT, payload
        return self._next_of_any_kind()

    def _next_of_any_kind(self) -> Message | None:
        while True:
            if not self._in_frame and not self._read_header():
                # An idle reader must not keep all the bytes that it has read.
                self._data = self._data[self._pos :]
                self._pos = 0
                return None
            payload = self._read_payload()
            if payload is None:
                return None
            message = self._finish_frame(payload)
            if message is not None:
                return message

    def _read_header(self) -> bool:
        data = self._data
        pos = self._pos
        there = len(data) - pos
        if there < 2:
            return False
        first = data[pos]
        second = data[pos + 1]
        self._check_first(first)
        if not second & 0x80:
            raise FrameError(PROTOCOL_ERROR, "client frames must be masked")
        length = second & 0x7F
        if first & 0x08 and (length > MAX_CONTROL_PAYLOAD or not first & FIN):
            raise FrameError(PROTOCOL_ERROR, "control frame too long or in fragments")
        size = {126: 2, 127: 8}.get(length, 0)
        if there < 6 + size:
            self._check_room(length if not size else 0, first)
            return False
        if size:
            length = int.from_bytes(data[pos + 2 : pos + 2 + size])
            if length < 126 or (size == 8 and length < 1 << 16):
                raise FrameError(PROTOCOL_ERROR, "length not in its shortest form")
            if length >= 1 << 63:
                raise FrameError(PROTOCOL_ERROR, "length out of range")
        self._check_room(length, first)
        start = pos + 2 + size
        self._mask = data[start : start + 4]
        self._pos = start + 4
        self._first = first
        self._missing = length
        self._in_frame = True
        return True

    def _check_first(self, first: int) -> None:
        opcode = first & 0x0F
        reserved = first & 0x70
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise FrameError(PROTOCOL_ERROR, "reserved opcode")
        if reserved and not (
            reserved == RSV1 and self._inflate is not None and opcode in (TEXT, BINARY)
        ):
            raise FrameError(PROTOCOL_ERROR, "reserved bit set")
        if opcode == CONTINUATION and not self._in_message:
            raise FrameError(PROTOCOL_ERROR, "nothing to continue")
        if opcode in (TEXT, BINARY) and self._in_message:
            raise FrameError(PROTOCOL_ERROR, "message inside a message")

    def _check_room(self, length: int, first: int) -> None:
        if first & 0x08:
            return
        spent = self._spent + FRAGMENT_COST if self._in_message else 0
        if spent + length > self._limit:
            raise FrameError(TOO_BIG, "message too big")

    def _read_payload(self) -> bytes | None:
        """The current frame's payload, once all of it is there."""
        stop = self._pos + self._missing
        part = self._data[self._pos : stop]
        if len(part) < self._missing:
            # Moved out of _data, or feed() would copy the part of a large frame again and again.
            self._payload += part
            self._missing -= len(part)
            self._data = b""
            self._pos = 0
            return None
        self._pos = stop
        self._in_frame = False
        if self._payload:
            part = bytes(self._payload + part)
            self._payload = bytearray()
        return _websocket_mask(self._mask, part)

    def _finish_frame(self, payload: bytes) -> Message | None:
        first = self._first
        opcode = first & 0x0F
        if opcode & 0x08:
            return opcode, payload
        if opcode != CONTINUATION:
            self._opcode = opcode
            self._deflated = bool(first & RSV1)
            if first & FIN:
                return self._complete(payload)
            self._begin(payload)
            return None
        return self._continue(payload, bool(first & FIN))

    def _begin(self, payload: bytes) -> None:
        self._in_message = True
        self._message += payload
        self._spent = len(payload)
        if self._opcode == TEXT and not self._deflated:
            self._decoder = _utf8_decoder()
            self._check_fragment(payload, final=False)

    def _continue(self, payload: bytes, final: bool) -> Message | None:
        self._message += payload
        self._spent += len(payload) + FRAGMENT_COST
        self._check_fragment(payload, final)
        if not final:
            return None
        message = bytes(self._message)
        self._message = bytearray()
        self._in_message = False
        if self._decoder is not None:
            self._decoder = None
            return self._opcode, message
        return self._complete(message)

    def _check_fragment(self, payload: bytes, final: bool) -> None:
        if self._decoder is None:
            return
        try:
            self._decoder.decode(payload, final)
        except UnicodeDecodeError:
            raise FrameError(INVALID_DATA, "text is not UTF-8") from None

    def _complete(self, payload: bytes) -> Message:
        if self._deflated and self._inflate is not None:
            payload = self._inflate(payload, self._limit)
        if self._opcode == TEXT:
            _check_utf8(payload)
        return self._opcode, payload


def _check_utf8(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID_DATA, "text is not UTF-8") from None


__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "FIN",
    "FRAGMENT_COST",
    "INTERNAL_ERROR",
    "INVALID_DATA",
    "MAX_CONTROL_PAYLOAD",
    "NORMAL",
    "PING",
    "POLICY_VIOLATION",
    "PONG",
    "PROTOCOL_ERROR",
    "RSV1",
    "TEXT",
    "TOO_BIG",
    "FrameError",
    "FrameReader",
    "Message",
    "binary_frame",
    "close_frame",
    "close_status",
    "control_frame",
    "deflated_frame",
    "text_frame",
]
