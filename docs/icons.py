"""`python docs/icons.py`: draws the page's icons for home screens, `static/icons/`, like `static/icon.svg`."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "static/icons"
UNITS = 64  # the side of the drawing
SAMPLES = 4  # of a pixel, across and down
BLUE, WHITE = (0x3F, 0x5B, 0xD9), (0xFF, 0xFF, 0xFF)
# Names and sides in pixels. Systems cut a maskable icon to their own shape, so it has no corners of its own.
ICONS = {"192.png": (192, False), "512.png": (512, False), "maskable.png": (512, True)}


def _in_rounded(x: float, y: float, box: tuple[float, float, float, float], radius: float) -> bool:
    left, top, right, bottom = box
    if not (left <= x <= right and top <= y <= bottom):
        return False
    dx = max(left + radius - x, x - (right - radius), 0)
    dy = max(top + radius - y, y - (bottom - radius), 0)
    return dx * dx + dy * dy <= radius * radius


def _colour(x: float, y: float, *, maskable: bool) -> tuple[int, int, int] | None:
    """The colour of a point of the drawing; None outside."""
    if not maskable and not _in_rounded(x, y, (0, 0, 64, 64), 16):
        return None
    if any((x - dot) ** 2 + (y - 30) ** 2 <= 9 for dot in (23, 32, 41)):
        return BLUE
    in_tail = 44 <= y <= 52 and 22 <= x <= 32 - (y - 44) * 10 / 8
    return WHITE if in_tail or _in_rounded(x, y, (12, 16, 52, 44), 6) else BLUE


def rows(side: int, *, maskable: bool) -> Iterator[bytes]:
    """The lines of pixels, each four bytes: red, green, blue, opacity."""
    step = UNITS / side / SAMPLES
    places = [(index + 0.5) * step for index in range(side * SAMPLES)]
    for top in range(0, side * SAMPLES, SAMPLES):
        line = bytearray()
        for left in range(0, side * SAMPLES, SAMPLES):
            found = [
                colour
                for y in places[top : top + SAMPLES]
                for x in places[left : left + SAMPLES]
                if (colour := _colour(x, y, maskable=maskable)) is not None
            ]
            count = len(found) or 1
            line += bytes(round(sum(each[part] for each in found) / count) for part in range(3))
            line.append(round(255 * len(found) / SAMPLES**2))
        yield bytes(line)


def png(side: int, *, maskable: bool) -> bytes:
    """A picture in the format of ISO/IEC 15948."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    lines = b"".join(b"\0" + row for row in rows(side, maskable=maskable))
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, (side, maskable) in ICONS.items():
        (FOLDER / name).write_bytes(png(side, maskable=maskable))
