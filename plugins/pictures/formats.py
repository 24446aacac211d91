"""Pictures by their content: kind and size from the header, and the bytes without metadata. Nothing is decoded.

PNG after the W3C recommendation, third edition; JPEG after ITU-T T.81, annex B; WebP after RFC 9649.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

MOST_PARTS = 2_000  # chunks or segments of one picture, so that parsing takes a few milliseconds

PNG = b"\x89PNG\r\n\x1a\n"
# What a picture is drawn from. Texts, times, EXIF, colour profiles and the frames of animations are left out.
PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT"}
JPEG = b"\xff\xd8"
SOI, EOI, SOS, COM, APP0, APP14, APP15 = 0xD8, 0xD9, 0xDA, 0xFE, 0xE0, 0xEE, 0xEF
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15; the others are tables
STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length: TEM, RST0 to RST7, SOI
ADOBE_BYTES = 12  # says how colours are transformed; without it some pictures have wrong ones
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
VP8X_ALPHA = 0x10


class Picture(NamedTuple):
    """A picture whose bytes hold nothing but what it is drawn from. Sizes are in pixels."""

    media_type: str
    width: int
    height: int
    content: bytes


class Unreadable(Exception):
    """The bytes are no picture of a known kind, or a broken one; `reason` is `kind` or `broken`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_picture(content: bytes) -> Picture:
    """The picture, without its metadata. Raises `Unreadable`."""
    for begins, media_type, read in _KINDS:
        if begins(content):
            try:
                width, height, cleaned = read(content)
            except (IndexError, StopIteration) as error:
                raise Unreadable("broken") from error
            if not (width and height):
                raise Unreadable("broken")
            return Picture(media_type, width, height, cleaned)
    raise Unreadable("kind")


# -- PNG -----------------------------------------------------------------------------------------


def _png(content: bytes) -> tuple[int, int, bytes]:
    """Raises `Unreadable`. Bytes after the end are left out."""
    kept: list[bytes] = [PNG]
    size: tuple[int, int] | None = None
    for kind, chunk in _png_chunks(content):
        if size is None:
            if kind != b"IHDR" or len(chunk) != 25:
                raise Unreadable("broken")
            size = (int.from_bytes(chunk[8:12], "big"), int.from_bytes(chunk[12:16], "big"))
        if kind in PNG_KEPT:
            kept.append(chunk)
        if kind == b"IEND":
            return *size, b"".join(kept)
    raise Unreadable("broken")


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind of each chunk, and its bytes from its length to its checksum."""
    at = len(PNG)
    for _ in range(MOST_PARTS):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        chunk = content[at:end]
        if end > len(content) or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise Unreadable("broken")
        yield chunk[4:8], chunk
        at = end
    raise Unreadable("broken")


# -- JPEG ----------------------------------------------------------------------------------------


def _jpeg(content: bytes) -> tuple[int, int, bytes]:
    """Raises `Unreadable`. Bytes after the end are left out."""
    kept: list[bytes] = [JPEG]
    size: tuple[int, int] | None = None
    is_drawn = False
    for marker, segment in _jpeg_segments(content):
        if marker in FRAMES:
            if size is not None:
                raise Unreadable("broken")
            height, width = (int.from_bytes(segment[n : n + 2], "big") for n in (5, 7))
            size = (width, height)
        is_drawn = is_drawn or marker == SOS
        if marker == EOI:
            if size is None or not is_drawn:
                break
            return *size, b"".join((*kept, segment))
        if not _is_metadata(marker, segment):
            kept.append(segment)
    raise Unreadable("broken")


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker of each segment, and its bytes from the marker on; a scan with its data is one segment."""
    at = len(JPEG)
    for _ in range(MOST_PARTS):
        if content[at] != 0xFF:
            raise Unreadable("broken")
        while content[at + 1] == 0xFF:  # any number of them may fill up
            at += 1
        marker = content[at + 1]
        if marker == EOI:
            yield marker, content[at : at + 2]
        if marker in STANDALONE or marker == 0:
            raise Unreadable("broken")
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(content):
            raise Unreadable("broken")
        if marker == SOS:
            found = _END_OF_SCAN.search(content, end)
            if found is None:
                raise Unreadable("broken")
            end = found.start()
        yield marker, content[at:end]
        at = end
    raise Unreadable("broken")


def _is_metadata(marker: int, segment: bytes) -> bool:
    if marker == APP14:
        return len(segment) != ADOBE_BYTES + 4 or segment[4:9] != b"Adobe"
    return marker == COM or APP0 <= marker <= APP15


# -- WebP ----------------------------------------------------------------------------------------


def _webp(content: bytes) -> tuple[int, int, bytes]:
    """Raises `Unreadable`, for animations too. Bytes after the end are left out."""
    kept: list[bytes] = []
    canvas: tuple[int, int] | None = None
    for kind, chunk in _webp_chunks(content):
        if kind == b"VP8X":
            canvas = (_number(chunk[12:15]) + 1, _number(chunk[15:18]) + 1)
            # It announces what is left out: only whether parts are transparent stays.
            kept.append(chunk[:8] + bytes((chunk[8] & VP8X_ALPHA, 0, 0, 0)) + chunk[12:18])
        elif kind == b"ALPH":
            kept.append(chunk)
        elif kind in (b"VP8 ", b"VP8L"):
            size = _vp8_size(chunk) if kind == b"VP8 " else _vp8l_size(chunk)
            if canvas not in (None, size):
                raise Unreadable("broken")
            body = b"WEBP" + b"".join((*kept, chunk))
            return *size, b"RIFF" + len(body).to_bytes(4, "little") + body
        elif kind == b"ANIM":
            raise Unreadable("kind")
    raise Unreadable("broken")


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind of each chunk, and its bytes from its kind to its padding."""
    at = 12
    for _ in range(MOST_PARTS):
        size = _number(content[at + 4 : at + 8])
        end = at + 8 + size + size % 2
        if end > len(content) or at + 8 > len(content):
            raise Unreadable("broken")
        yield content[at : at + 4], content[at:end]
        at = end
    raise Unreadable("broken")


def _vp8_size(chunk: bytes) -> tuple[int, int]:
    if chunk[8] & 1 or chunk[11:14] != b"\x9d\x01\x2a":  # a key frame begins so
        raise Unreadable("broken")
    return _number(chunk[14:16]) & 0x3FFF, _number(chunk[16:18]) & 0x3FFF


def _vp8l_size(chunk: bytes) -> tuple[int, int]:
    if chunk[8] != 0x2F:
        raise Unreadable("broken")
    bits = _number(chunk[9:13])
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _number(little: bytes) -> int:
    return int.from_bytes(little, "little")


Read = Callable[[bytes], tuple[int, int, bytes]]
_KINDS: tuple[tuple[Callable[[bytes], bool], str, Read], ...] = (
    (lambda content: content.startswith(PNG), "image/png", _png),
    (lambda content: content.startswith(JPEG), "image/jpeg", _jpeg),
    (lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP", "image/webp", _webp),
)
