"""The type and the size of a picture, read from the head of its content. Nothing is decoded."""

from collections.abc import Callable
from typing import NamedTuple

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
JPEG_START = 0xD8
JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers SOF of ITU T.81
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
JPEG_SCAN = 0xDA


class Picture(NamedTuple):
    """The media type, and the sides in pixels."""

    media_type: str
    width: int
    height: int


def inspect(content: bytes) -> Picture | None:
    """The picture in a file, whatever its name says; None if it is no PNG, GIF, WebP or JPEG."""
    for media_type, sides_of in FORMATS.items():
        sides = sides_of(content)
        if sides is not None and all(sides):
            return Picture(media_type, *sides)
    return None


Sides = tuple[int, int] | None


def _png(content: bytes) -> Sides:
    if not content.startswith(PNG) or len(content) < 24:
        return None
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _gif(content: bytes) -> Sides:
    if content[:6] not in (b"GIF87a", b"GIF89a") or len(content) < 10:
        return None
    return _little(content[6:8]), _little(content[8:10])


def _webp(content: bytes) -> Sides:
    """See RFC 9649: a simple lossy or lossless file, or an extended one."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    kind = content[12:16]
    if kind == b"VP8X":
        return 1 + _little(content[24:27]), 1 + _little(content[27:30])
    if kind == b"VP8L" and content[20] == 0x2F:
        bits = _little(content[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        return _little(content[26:28]) & 0x3FFF, _little(content[28:30]) & 0x3FFF
    return None


def _jpeg(content: bytes) -> Sides:
    """The sides in the first frame header, which stands before any scan."""
    if content[:2] != bytes((0xFF, JPEG_START)):
        return None
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in JPEG_SIZES:
            height, width = content[place + 5 : place + 7], content[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if marker == JPEG_SCAN:
            return None
        if marker == 0xFF:  # a byte that fills
            place += 1
        elif marker in JPEG_BARE:
            place += 2
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return None


def _little(part: bytes) -> int:
    return int.from_bytes(part, "little")


FORMATS: dict[str, Callable[[bytes], Sides]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
}
