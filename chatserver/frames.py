"""WebSocket frames as the server sends them (RFC 6455 section 5.2): unmasked, complete, ready to join."""

import struct
from collections.abc import Iterable

import msgspec

from chatserver.model import AnyEvent

_TEXT = 0x81  # FIN and opcode 1
_encode = msgspec.json.encode


def text_frame(payload: bytes) -> bytes:
    """One text message."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", _TEXT, 126, size) + payload
    return struct.pack("!BBQ", _TEXT, 127, size) + payload


def event_frames(events: Iterable[AnyEvent], limit: int) -> list[tuple[bytes, int]]:
    """Events as joined frames of about `limit` bytes at most, each with its last seq."""
    chunks: list[tuple[bytes, int]] = []
    frames: list[bytes] = []
    size = last = 0
    for event in events:
        frame = text_frame(_encode(event))
        if frames and size + len(frame) > limit:
            chunks.append((b"".join(frames), last))
            frames, size = [], 0
        frames.append(frame)
        size += len(frame)
        last = event.seq
    if frames:
        chunks.append((b"".join(frames), last))
    return chunks
