"""The orientation in an EXIF block, and a block that has nothing else (Exif 2.32, TIFF 6.0)."""

import struct

MARK = b"Exif\0\0"  # before the block in a JPEG, and sometimes elsewhere
ORIENTATION = 0x0112
UPRIGHT, SIDEWAYS = 1, range(5, 9)  # of the orientations 1 to 8
MOST_ENTRIES = 1_000  # of a directory that is looked through
_SHORT = 3


def orientation_of(exif: bytes) -> int:
    """How a picture is to be turned, 1 to 8; 1 where its first directory does not say so."""
    tiff = exif.removeprefix(MARK)
    if tiff[:2] not in (b"II", b"MM"):
        return UPRIGHT
    order = "little" if tiff[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)  # type: ignore[arg-type]

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * min(number(first, 2), MOST_ENTRIES), 12):
        if number(entry, 2) == ORIENTATION:
            found = number(entry + 8, 2)
            return found if UPRIGHT <= found <= 8 else UPRIGHT
    return UPRIGHT


def exif_of(orientation: int) -> bytes:
    """The block, without `MARK`, that says the orientation alone; empty for an upright picture."""
    if orientation == UPRIGHT:
        return b""
    entry = struct.pack(">HHIHH", ORIENTATION, _SHORT, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
