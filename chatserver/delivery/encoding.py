"""WebSocket frames as the server sends them (RFC 6455 section 5.2): unmasked, complete, ready to join."""

import struct
import zlib
from collections.abc import Iterable
from typing import Final

import msgspec

from chatserver.model import AnyEvent

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
RSV1: Final = 0x40

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

MAX_CONTROL_PAYLOAD: Final = 125

COMPRESSED_FROM: Final = 256  # bytes; below, deflate saves little and costs 15 µs
PLAIN: Final = 0  # a window of 0 bits: no compression
MAX_WINDOW_BITS: Final = 15
DEFLATE_TAIL: Final = b"\x00\x00\xff\xff"
"""RFC 7692 section 7.2.1: the sender removes this tail, the receiver appends it again."""

_encode = msgspec.json.encode


def text_frame(payload: bytes) -> bytes:
    """One final, unmasked text frame: build it once, send it to every receiver."""
    return _frame(FIN | TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """One final, unmasked binary frame."""
    return _frame(FIN | BINARY, payload)


def deflated_frame(opcode: int, deflated: bytes) -> bytes:
    """A frame whose payload `compress` has made (RFC 7692)."""
    return _frame(FIN | RSV1 | opcode, deflated)


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """A close, ping or pong frame. Raises `ValueError` for more than 125 bytes."""
    if len(payload) > MAX_CONTROL_PAYLOAD:
        raise ValueError("a control frame carries at most 125 bytes")
    return _frame(FIN | opcode, payload)


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    """A close frame; a reason that is too long is cut between characters."""
    if code is None:
        return control_frame(CLOSE)
    text = reason.encode()[: MAX_CONTROL_PAYLOAD - 2].decode(errors="ignore").encode()
    return control_frame(CLOSE, struct.pack("!H", code) + text)


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


def compress(payload: bytes, window_bits: int = MAX_WINDOW_BITS) -> bytes:
    """Deflated without context, so that it serves every receiver with this window (RFC 7692)."""
    compressor = zlib.compressobj(wbits=-window_bits)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[
        : -len(DEFLATE_TAIL)
    ]


def event_frames(
    events: Iterable[AnyEvent], limit: int, window_bits: int = PLAIN
) -> list[tuple[bytes, int]]:
    """Events as joined frames of about `limit` bytes at most, each chunk with its last seq."""
    chunks: list[tuple[bytes, int]] = []
    frames: list[bytes] = []
    size = last = 0
    for event in events:
        frame = packed_frame(_encode(event), window_bits)
        if frames and size + len(frame) > limit:
            chunks.append((b"".join(frames), last))
            frames, size = [], 0
        frames.append(frame)
        size += len(frame)
        last = event.seq
    if frames:
        chunks.append((b"".join(frames), last))
    return chunks


def packed_frame(payload: bytes, window_bits: int) -> bytes:
    """One text frame, compressed if a window was negotiated and it is long enough."""
    if window_bits and len(payload) >= COMPRESSED_FROM:
        return deflated_frame(TEXT, compress(payload, window_bits))
    return text_frame(payload)
