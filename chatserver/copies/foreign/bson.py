"""Reads the documents of a file of mongodump. After the specification of BSON 1.1 (bsonspec.org)."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

MOST_BYTES = 64 << 20  # of a document; MongoDB has at most 16 MiB
DEEPEST = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def documents(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """The documents of a file. Raises `ValueError`, with the number of the document, if it is damaged."""
    number = 0
    while head := file.read(4):
        number += 1
        size = int.from_bytes(head, "little") if len(head) == 4 else 0
        if not 5 <= size <= MOST_BYTES or len(rest := file.read(size - 4)) < size - 4:
            raise ValueError(f"document {number} is damaged")
        try:
            yield _document(memoryview(head + rest), 0, 0)
        except (struct.error, IndexError, KeyError, UnicodeDecodeError, OverflowError) as error:
            raise ValueError(f"document {number} is damaged: {error}") from None


def _document(data: memoryview, at: int, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise IndexError("it is nested too deeply")
    found: dict[str, Any] = {}
    at += 4
    while kind := data[at]:
        name, at = _name(data, at + 1)
        found[name], at = _value(kind, data, at, depth)
    return found


def _value(kind: int, data: memoryview, at: int, depth: int) -> tuple[Any, int]:
    if kind in (0x03, 0x04):
        end = at + _int(data, at)
        inside = _document(data, at, depth + 1)
        return (inside if kind == 0x03 else list(inside.values())), end
    if kind in (0x02, 0x0D, 0x0E):
        size = _int(data, at)
        return str(data[at + 4 : at + 3 + size], "utf-8", "replace"), at + 4 + size
    if kind == 0x09:
        return _EPOCH + timedelta(milliseconds=_number("<q", data, at)), at + 8
    if kind == 0x05:
        return bytes(data[at + 5 : at + 5 + _int(data, at)]), at + 5 + _int(data, at)
    if kind == 0x0B:
        _, at = _name(data, at)
        _, at = _name(data, at)
        return None, at
    if kind == 0x07:
        return data[at : at + 12].hex(), at + 12
    form, size = _FIXED[kind]
    return (_number(form, data, at) if form else None), at + size


# The other kinds by their number: how the value is packed, and its size.
_FIXED = {
    0x01: ("<d", 8),
    0x06: ("", 0),
    0x08: ("<?", 1),
    0x0A: ("", 0),
    0x10: ("<i", 4),
    0x11: ("<Q", 8),
    0x12: ("<q", 8),
    0x13: ("", 16),
    0x7F: ("", 0),
    0xFF: ("", 0),
}


def _number(form: str, data: memoryview, at: int) -> Any:
    return struct.unpack_from(form, data, at)[0]


def _int(data: memoryview, at: int) -> int:
    found = int.from_bytes(data[at : at + 4], "little")
    if found > len(data) - at:
        raise IndexError("a part is longer than the whole")
    return found


def _name(data: memoryview, at: int) -> tuple[str, int]:
    end = at
    while data[end]:
        end += 1
    return str(data[at:end], "utf-8", "replace"), end + 1
