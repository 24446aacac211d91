"""What a file is by its first bytes: its media type, and the size of a picture. Nothing is decoded.

PNG after the W3C recommendation, JPEG after ITU-T T.81 and Exif 2.32, WebP after RFC 9649, AVIF and MP4 after
ISO/IEC 14496-12, WebM after its container guidelines, Ogg after RFC 3533, FLAC after RFC 9639.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from chatserver.blobs.exif import MARK, SIDEWAYS, orientation_of
from chatserver.blobs.model import ANY_TYPE
from chatserver.blobs.serving import SHOWN

HEAD_BYTES = (
    256 * 1024
)  # of these all is read; photographs have their size behind a preview of up to 64 KiB
MOST_PARTS = 1_000  # of a file that is looked through

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
JPEG = b"\xff\xd8\xff"
JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers SOF
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
JPEG_SCAN, JPEG_EXIF = 0xDA, 0xE1
WEBM = b"\x1a\x45\xdf\xa3"
_PICTURE_SIZES = re.compile(rb"ispe\0{4}(.{4})(.{4})", re.S)

Sides = tuple[int, int] | None


class Content(NamedTuple):
    """The media type, and the sides of a picture in pixels as it is shown; 0 where they are not known."""

    media_type: str
    width: int = 0
    height: int = 0


def content_of(head: bytes, claimed: str = "") -> Content:
    """What the file is that begins with these bytes. `claimed` decides between the types that these may have.

    Types that a browser shows are told by the content alone; what only claims to be of one is of no known type.
    For all others the claim is kept, as nothing depends on it.
    """
    for media_type, sides_of in _PICTURES.items():
        sides = sides_of(head)
        if sides is not None:
            return Content(media_type, *sides)
    possible = _sounds_and_films(head)
    if possible:
        return Content(claimed if claimed in possible else possible[0])
    return Content(ANY_TYPE if claimed in SHOWN or not claimed else claimed)


# -- pictures ----------------------------------------------------------------------------------------
# Each gives the sides, (0, 0) for a picture without any that can be read, and None for something else.


def _png(head: bytes) -> Sides:
    if not head.startswith(PNG) or len(head) < 24:
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _gif(head: bytes) -> Sides:
    if head[:6] not in (b"GIF87a", b"GIF89a") or len(head) < 10:
        return None
    return _little(head[6:8]), _little(head[8:10])


def _webp(head: bytes) -> Sides:
    """A simple lossy or lossless file, or an extended one."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    kind = head[12:16]
    if len(head) < 30:
        return 0, 0
    if kind == b"VP8X":
        return 1 + _little(head[24:27]), 1 + _little(head[27:30])
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = _little(head[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    return 0, 0


def _jpeg(head: bytes) -> Sides:
    """The sides in the first frame header, which stands before any scan; turned as the camera says."""
    if not head.startswith(JPEG):
        return None
    place, is_turned = 2, False
    for _ in range(MOST_PARTS):
        if place + 9 > len(head) or head[place] != 0xFF:
            break
        marker = head[place + 1]
        if marker in JPEG_SIZES:
            height, width = (int.from_bytes(head[place + n : place + n + 2], "big") for n in (5, 7))
            return (height, width) if is_turned else (width, height)
        if marker == JPEG_SCAN:
            break
        if marker == 0xFF:  # a byte that fills
            place += 1
            continue
        if marker in JPEG_BARE:
            place += 2
            continue
        end = place + 2 + int.from_bytes(head[place + 2 : place + 4], "big")
        if marker == JPEG_EXIF:
            exif = head[place + 4 : end]
            is_turned = is_turned or (exif.startswith(MARK) and orientation_of(exif) in SIDEWAYS)
        place = end
    return 0, 0


def _avif(head: bytes) -> Sides:
    """The largest of the sides that are given: those of the parts of a picture are smaller."""
    if head[4:8] != b"ftyp" or head[8:12] not in (b"avif", b"avis"):
        return None
    sizes = [(_big(width), _big(height)) for width, height in _PICTURE_SIZES.findall(head)]
    return max(sizes, key=lambda sides: sides[0] * sides[1], default=(0, 0))


_PICTURES: dict[str, Callable[[bytes], Sides]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
    "image/avif": _avif,
}


# -- sounds and films --------------------------------------------------------------------------------


def _sounds_and_films(head: bytes) -> tuple[str, ...]:
    """The types that the file may have, the likeliest first."""
    if head[4:8] == b"ftyp" and head[8:12] != b"qt  ":
        sound = head[8:11] in (b"M4A", b"M4B")
        return ("audio/mp4",) if sound else ("video/mp4", "audio/mp4")
    if head.startswith(WEBM) and b"webm" in head[:64]:
        return "video/webm", "audio/webm"
    if head.startswith(b"OggS"):
        return ("video/ogg",) if b"\x80theora" in head[:4096] else ("audio/ogg", "video/ogg")
    if head.startswith(b"fLaC"):
        return ("audio/flac",)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return ("audio/wav",)
    if head.startswith(b"ID3"):
        return "audio/mpeg", "audio/aac"
    return _frames(head)


def _frames(head: bytes) -> tuple[str, ...]:
    """The first frame of MPEG audio: layer III, or AAC in ADTS."""
    if len(head) < 4 or head[0] != 0xFF:
        return ()
    if head[1] & 0xF6 == 0xF0:
        return ("audio/aac",)
    is_mp3 = head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08 and head[2] & 0xF0 != 0xF0
    return ("audio/mpeg",) if is_mp3 else ()


def _little(part: bytes) -> int:
    return int.from_bytes(part, "little")


def _big(part: bytes) -> int:
    return int.from_bytes(part, "big")
