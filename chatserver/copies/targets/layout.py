"""Names of objects on a target.

    NAME/config-00001, …                     the parts of the backup NAME, as in its folder
    NAME/increments/FILE.START-END           bytes START … END - 1 of an increment file, as that grows
    NAME/ledger.json                         replaced after the pieces of increments that it names
    NAME/manifest.json                       last: without it, the backup does not count

Two nodes may have copied the same file one after another, so pieces may overlap.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chatserver.copies.backup.increments import FOLDER

_PIECE = re.compile(rf"[^/]+/{FOLDER}/(\d+(?:-[0-9a-f]+)?)\.(\d+)-(\d+)")


class Piece(NamedTuple):
    """An object with the bytes `start` … `end` - 1 of an increment file."""

    name: str
    start: int
    end: int


def piece_name(backup: str, file: str, start: int, end: int) -> str:
    """The name of a piece of an increment file."""
    return f"{backup}/{FOLDER}/{file}.{start:015}-{end:015}"


def pieces(objects: Mapping[str, int]) -> dict[str, list[Piece]]:
    """The pieces among some objects, by the increment file. Pieces of a wrong size do not count."""
    found: dict[str, list[Piece]] = {}
    for name, size in objects.items():
        if match := _PIECE.fullmatch(name):
            piece = Piece(name, int(match[2]), int(match[3]))
            if size == piece.end - piece.start > 0:
                found.setdefault(match[1], []).append(piece)
    return found


def chain(found: Iterable[Piece]) -> list[Piece]:
    """The fewest pieces that cover a file from its beginning, without a gap; they may overlap."""
    chosen: list[Piece] = []
    end, best = 0, None
    for piece in sorted(found, key=lambda piece: (piece.start, -piece.end)):
        if piece.start > end:
            if best is None or best.end < piece.start:
                break
            chosen.append(best)
            end, best = best.end, None
        if piece.end > (best.end if best else end):
            best = piece
    return [*chosen, best] if best else chosen


def covered(found: Iterable[Piece]) -> int:
    """Number of bytes of a file, from its beginning, that pieces cover."""
    chosen = chain(found)
    return chosen[-1].end if chosen else 0
