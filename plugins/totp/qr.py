"""A text as a QR code, as data that clients draw."""

from typing import TypedDict

import segno


class QrCode(TypedDict):
    """`size` modules wide and high, without the margin of four; `path` is the `d` of an SVG path, of the dark ones."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """The code for this text, which may be damaged by 15 %."""
    rows = segno.make(text, error="m", micro=False, boost_error=False).matrix
    found = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                found.append(f"M{x} {y}h{end - x}v1h-{end - x}z")
            x = end + 1
    return QrCode(size=len(rows), path="".join(found))
