"""Small pictures of every kind, made byte by byte."""

import secrets
import struct
import zlib


def png_of(size: int) -> bytes:
    """A PNG of so many bytes, most of them random."""
    drawn = png()
    rest = size - len(drawn) - 12
    noise = b"IDAT" + secrets.token_bytes(rest)
    chunk = struct.pack(">I", rest) + noise + struct.pack(">I", zlib.crc32(noise))
    return drawn[:-12] + chunk + drawn[-12:]


def png(width: int = 8, height: int = 8, rgb: tuple[int, int, int] = (200, 60, 20)) -> bytes:
    """A sunset that any browser shows: from this colour above to a lighter one below, with a sun."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + _line(width, height, row, rgb) for row in range(height))
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _line(width: int, height: int, row: int, rgb: tuple[int, int, int]) -> bytes:
    """The pixels of one line, three bytes each."""
    sky = bytes(min(255, part + 120 * row // height) for part in rgb)
    radius = min(width, height) / 4
    across = (radius**2 - (row - height / 2) ** 2) ** 0.5 if abs(row - height / 2) < radius else 0
    sun = round(across) * 2
    left = (width - sun) // 2
    return sky * left + b"\xff\xe6\x8c" * sun + sky * (width - left - sun)


def gif(width: int, height: int) -> bytes:
    """The head of a GIF, and its end."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b";"


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    """A JPEG up to its frame header; `before` stands in front of that."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"
    return (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\1\0\1\0\0"
        + before
        + (b"\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame)
    )


def webp(kind: bytes, width: int, height: int) -> bytes:
    """The head of a WebP: `VP8 ` is lossy, `VP8L` lossless, `VP8X` extended."""
    data = {
        b"VP8 ": b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height),
        b"VP8L": b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0" * 5,
        b"VP8X": b"\0\0\0\0"
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little"),
    }[kind]
    chunk = kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
