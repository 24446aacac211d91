"""Cuts texts that are longer than a message may be. No character is lost but blanks at the cuts."""

from collections.abc import Iterator

from chatserver.formatting.marks import FENCE

SPARE = 8  # characters that may be put around a piece, to close and open a block of code


def cut(text: str, most: int) -> list[str]:
    """The text in pieces of at most `most` characters, at the ends of lines or words where there are some."""
    if len(text) <= most:
        return [text]
    return list(_pieces(text, max(most - SPARE, 1)))


def _pieces(text: str, most: int) -> Iterator[str]:
    opening = ""
    while text:
        end = _end(text, most)
        piece, text = opening + text[:end].rstrip(), text[end:].lstrip("\n")
        is_code = _is_open(piece)
        opening = f"{FENCE}\n" if is_code else ""
        if piece.strip():
            yield f"{piece}\n{FENCE}" if is_code and text else piece


def _end(text: str, most: int) -> int:
    if len(text) <= most:
        return len(text)
    for mark in ("\n", " "):
        found = text.rfind(mark, most // 2, most)
        if found > 0:
            return found + 1
    return most


def _is_open(piece: str) -> bool:
    """Whether a block of code has no end in this piece."""
    return sum(line.lstrip().startswith(FENCE) for line in piece.split("\n")) % 2 == 1
