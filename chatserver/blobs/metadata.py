"""Pictures without their metadata: which bytes of a JPEG, PNG or WebP file are kept. No pixel is decoded.

Kept is what a picture is drawn from: pixels, tables, frames of animations, colour profiles, and the orientation as the
only entry of a new EXIF block. All else is left out: EXIF with the place, XMP, IPTC, comments, texts, times, previews,
unknown parts, and what stands behind the end. Files that are cut off keep what they have.

JPEG after ITU-T T.81, annex B; PNG after the W3C recommendation, third edition; WebP after RFC 9649.
"""

import asyncio
import re
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from chatserver.blobs.exif import MARK, UPRIGHT, exif_of, orientation_of

MOST_PARTS = 50_000  # chunks or segments of one picture: 100 MB in chunks of 2 KiB
PARTS_IN_A_ROW = 500  # without a pause for others: a millisecond
EXIF_BYTES = 65_536  # of a block that is read; a JPEG cannot have more

JPEG_MARKER = re.compile(rb"\xff[\x01-\xfe]")
JPEG_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
EOI, SOS, APP0, APP1, APP2, APP14 = 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
JPEG_TABLES = frozenset({0xC4, 0xCC, SOS, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF})  # DHT, DAC, DQT, DNL, …
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # without a length: TEM, RST0 to RST7, SOI
ICC, JFIF, ADOBE = b"ICC_PROFILE\0", b"JFIF\0", b"Adobe"
JFIF_BYTES = 14  # behind these a preview may follow, whose sides are the last two

PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI bKGD pHYs hIST acTL fcTL "
    b"fdAT".split()
)
WEBP_DRAWN = frozenset({b"VP8 ", b"VP8L", b"ANMF"})
WEBP_KEPT = frozenset({b"ICCP", b"ANIM", b"ALPH"}) | WEBP_DRAWN
WEBP_EXIF, WEBP_XMP = 0x08, 0x04  # flags of VP8X

Part = tuple[int, int] | bytes  # a range of the file, or bytes in its place


class Unclean(Exception):
    """The file has no picture, or too many parts to look through."""


class Kept(NamedTuple):
    """What is kept of a picture, in order, and how it is to be turned (1 to 8)."""

    parts: tuple[Part, ...]
    orientation: int


async def kept_of(media_type: str, parts: AsyncIterator[bytes]) -> Kept:
    """What to keep of the file of this type, one of `CLEANED`. Raises `Unclean`, and what `parts` raises."""
    plan = _Plan()
    await CLEANED[media_type](Source(parts), plan)
    if not plan.is_drawn:
        raise Unclean
    return Kept(tuple(plan.parts), plan.orientation)


class Source:
    """Bytes as they come, and the position of the next one."""

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts
        self._buffer, self._at, self.position = b"", 0, 0

    async def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end of the file."""
        while len(self._buffer) - self._at < size and await self._more():
            """More comes."""
        found = self._buffer[self._at : self._at + size]
        self._go(len(found))
        return found

    async def skip(self, size: int) -> None:
        """Go on by so many bytes, at most to the end of the file."""
        end = self.position + size
        self._go(min(size, len(self._buffer) - self._at))
        while self.position < end and await self._more():
            self._go(min(end - self.position, len(self._buffer) - self._at))

    async def find(self, pair: re.Pattern[bytes]) -> bool:
        """Go on to the next two bytes that match. False: there are none, and the file is at its end."""
        while True:
            found = pair.search(self._buffer, self._at)
            if found is not None:
                self._go(found.start() - self._at)
                return True
            last = len(self._buffer) - self._at
            self._go(max(0, last - 1))  # which may be the first of the two
            if not await self._more():
                await self.skip(1)
                return False

    def _go(self, size: int) -> None:
        self._at += size
        self.position += size

    async def _more(self) -> bool:
        try:
            part = await anext(self._parts)
        except StopAsyncIteration:
            return False
        self._buffer, self._at = self._buffer[self._at :] + part, 0
        return True


class _Plan:
    """What is kept so far."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.orientation = UPRIGHT
        self.is_drawn = False  # whether there is anything to draw
        self._count = 0

    async def count(self) -> None:
        """Count a part of the file, and let others go on. Raises `Unclean` for too many."""
        self._count += 1
        if self._count > MOST_PARTS:
            raise Unclean
        if self._count % PARTS_IN_A_ROW == 0:
            await asyncio.sleep(0)

    def keep(self, start: int, end: int) -> None:
        last = self.parts[-1] if self.parts else b""
        if isinstance(last, tuple) and last[1] == start:
            self.parts[-1] = (last[0], end)
        elif start < end:
            self.parts.append((start, end))

    def put(self, start: int, old: bytes, new: bytes) -> None:
        """Put `new` in place of `old`, which begins at `start`."""
        if new == old:
            self.keep(start, start + len(old))
        elif new:
            self.parts.append(new)

    def turn(self, exif: bytes) -> bytes:
        """The block in place of the first one that says an orientation; empty for all others."""
        if self.orientation != UPRIGHT:
            return b""
        self.orientation = orientation_of(exif)
        return exif_of(self.orientation)


# -- JPEG ----------------------------------------------------------------------------------------


async def _jpeg(source: Source, plan: _Plan) -> None:
    await source.skip(2)
    plan.keep(0, 2)
    while await source.find(JPEG_MARKER):
        await plan.count()
        start = source.position
        head = await source.read(2)
        marker = head[1]
        if marker == EOI:
            plan.keep(start, source.position)
            return
        if marker in JPEG_BARE:
            continue
        head += await source.read(2)
        body = await source.read(max(0, int.from_bytes(head[2:], "big") - 2))
        plan.put(start, head + body, _jpeg_segment(plan, marker, head + body))
        plan.is_drawn = plan.is_drawn or marker in JPEG_FRAMES
        if marker == SOS:
            start = source.position
            await source.find(JPEG_SCAN_END)
            plan.keep(start, source.position)


def _jpeg_segment(plan: _Plan, marker: int, segment: bytes) -> bytes:
    """What stands in place of a segment."""
    body = segment[4:]
    if marker in JPEG_FRAMES or marker in JPEG_TABLES:
        return segment
    if (marker == APP2 and body.startswith(ICC)) or (marker == APP14 and body.startswith(ADOBE)):
        return segment
    if marker == APP0 and body.startswith(JFIF) and len(body) >= JFIF_BYTES:
        return _jpeg_made(APP0, body[: JFIF_BYTES - 2] + b"\0\0")
    if marker == APP1 and body.startswith(MARK) and (exif := plan.turn(body)):
        return _jpeg_made(APP1, MARK + exif)
    return b""


def _jpeg_made(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


# -- PNG -----------------------------------------------------------------------------------------


async def _png(source: Source, plan: _Plan) -> None:
    await source.skip(8)
    plan.keep(0, 8)
    while True:
        await plan.count()
        start = source.position
        head = await source.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"eXIf":
            chunk = head + await source.read(min(size, EXIF_BYTES) + 4)
            await source.skip(size + 12 - len(chunk))
            plan.put(start, chunk, _png_exif(plan.turn(chunk[8:-4])))
            continue
        await source.skip(size + 4)
        if kind in PNG_KEPT:
            plan.keep(start, source.position)
        plan.is_drawn = plan.is_drawn or kind == b"IDAT"
        if kind == b"IEND" or len(head) < 8:
            return


def _png_exif(exif: bytes) -> bytes:
    body = b"eXIf" + exif
    return (
        struct.pack(">I", len(exif)) + body + struct.pack(">I", zlib.crc32(body)) if exif else b""
    )


# -- WebP ----------------------------------------------------------------------------------------


async def _webp(source: Source, plan: _Plan) -> None:
    """The head, and the chunk that announces metadata, are known when all has been seen."""
    head, extended, extended_at = await source.read(12), b"", 0
    while len(kind := (chunk := await source.read(8))[:4]) == 4:
        await plan.count()
        start, size = source.position - len(chunk), int.from_bytes(chunk[4:], "little")
        size += size % 2
        if kind == b"VP8X" and not extended:
            extended, extended_at = chunk + await source.read(min(size, 10)), start
            await source.skip(max(0, size - 10))
        elif kind == b"EXIF":
            chunk += await source.read(min(size, EXIF_BYTES))
            await source.skip(size + 8 - len(chunk))
            exif = plan.turn(chunk[8:])
            plan.put(start, chunk, b"EXIF" + struct.pack("<I", len(exif)) + exif if exif else b"")
        else:
            await source.skip(size)
            if kind in WEBP_KEPT:
                plan.keep(start, source.position)
            plan.is_drawn = plan.is_drawn or kind in WEBP_DRAWN
    rest, plan.parts = plan.parts, []
    made = _webp_extended(extended, plan.orientation)
    length = 4 + len(made) + sum(_length(part) for part in rest)
    plan.put(0, head, b"RIFF" + struct.pack("<I", length) + b"WEBP")
    plan.put(extended_at, extended, made)
    for part in rest:
        plan.parts.append(part) if isinstance(part, bytes) else plan.keep(*part)


def _webp_extended(chunk: bytes, orientation: int) -> bytes:
    """VP8X with the flags of what is kept."""
    if len(chunk) < 9:
        return chunk
    flags = chunk[8] & ~(WEBP_EXIF | WEBP_XMP) | (WEBP_EXIF if orientation != UPRIGHT else 0)
    return b"VP8X" + struct.pack("<I", len(chunk) - 8) + bytes([flags]) + chunk[9:]


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part[1] - part[0]


CLEANED: dict[str, Callable[[Source, _Plan], Awaitable[None]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
}
