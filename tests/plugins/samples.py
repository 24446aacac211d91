"""Small pictures of each kind, with whatever size and metadata a test wants."""

import base64
import struct
import zlib
from collections.abc import Sequence

# 16 × 16 pixels, as Chromium's canvas writes them, without their colour profiles.
JPEG = base64.b64decode(
    "/9j/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9j"
    "QjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAA"
    "AAAAAAAAAAX/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAwT/xAAcEQEAAAcBAAAAAAAAAAAAAAABAAIDEyJBgfD/"
    "2gAMAwEAAhEDEQA/AJoCoKlxVxgJpqVoAy2+5qP/2Q=="
)
WEBP = base64.b64decode(
    "UklGRnoAAABXRUJQVlA4WAoAAAAAAAAADwAADwAAVlA4IFwAAAAwAgCdASoQABAAAsBMJbACdD3ktK69hsImAAD+6mXun4C850o4/tZ8Cef2gzBWsG9/"
    "cZ2Qm7WPbcroef/fR1xlgmcyHK5Hvj78auflt7jfs5bPZ7QyWrzYwF0AAA=="
)
TRANSPARENT_WEBP = base64.b64decode(
    "UklGRogAAABXRUJQVlA4WAoAAAAQAAAADwAADwAAQUxQSBkAAAABDzD/ERFCIdsI0D3+ridxY4jo/wTorkQYAFZQOCBIAAAAEAIAnQEqEAAQAALATCWw"
    "AnR/BW4GSfA7AAD+6zb6SyXlo8BQOpA7k4tQ38RbyVvOm29un3fX7KzXK4NfBua7RqS81TDwAAAA"
)


def png(width: int = 16, height: int = 16, extra: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A grey PNG, with these chunks (kind, data) before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """The JPEG, with these segments (marker, data) at its beginning."""
    added = (bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data for marker, data in segments)  # fmt: skip
    return JPEG[:2] + b"".join(added) + JPEG[2:]


def sized_jpeg(width: int, height: int) -> bytes:
    """The JPEG, whose header says another size."""
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


def webp(*chunks: tuple[bytes, bytes], flags: int = 0) -> bytes:
    """The WebP, with these chunks (kind, data) at its end and these flags besides."""
    added = (kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)  # fmt: skip
    body = WEBP[8:20] + bytes((WEBP[20] | flags,)) + WEBP[21:] + b"".join(added)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_with(before: Sequence[tuple[bytes, bytes]], flags: int = 0) -> bytes:
    """The WebP, with these chunks (kind, data) before its pixels, and these flags besides."""
    added = (kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in before)  # fmt: skip
    body = WEBP[8:20] + bytes((WEBP[20] | flags,)) + WEBP[21:30] + b"".join(added) + WEBP[30:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def lossless_webp(width: int, height: int) -> bytes:
    """The beginning of a WebP without loss, whose header says this size."""
    data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0" * 7
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body
