"""Maps of keys of any length, ordered by their bytes, in a database whose keys have at most 511 bytes.

A key is cut into slices, each of which is looked up in a layer of its own, as in a Masstree (Mao, Kohler, Morris:
Cache Craftiness for Fast Multicore Key-Value Storage, 2012). All layers are in one database, each under its number.
"""

from collections.abc import Iterator
from typing import Any

SLICE = 480  # bytes; the number of the layer and a mark belong to a key as well
MORE = b"\x01"  # behind a full slice: the value is the number of the layer with the rest of the key
FIRST_FREE = 16  # lower numbers are those of the maps themselves
_COUNTER = bytes(8)


def number(value: int) -> bytes:
    """A number as a part of a key: 8 bytes, whose order is that of the numbers."""
    return value.to_bytes(8)


def value_of(part: bytes) -> int:
    """The number in a part of a key."""
    return int.from_bytes(part)


class Tree:
    """One map within a transaction (`lmdb.Transaction`); `layer` is the number of its first layer."""

    def __init__(self, txn: Any, db: Any, layer: bytes) -> None:
        self._txn, self._db, self._layer = txn, db, layer

    def get(self, key: bytes) -> bytes | None:
        layer: bytes | None = self._layer
        while len(key) > SLICE and layer is not None:
            layer = self._txn.get(layer + key[:SLICE] + MORE, db=self._db)
            key = key[SLICE:]
        if layer is None:
            return None
        found: bytes | None = self._txn.get(layer + key, db=self._db)
        return found

    def put(self, key: bytes, value: bytes) -> None:
        layer = self._layer
        while len(key) > SLICE:
            link = layer + key[:SLICE] + MORE
            found = self._txn.get(link, db=self._db)
            if found is None:
                found = self.next_number()
                self._txn.put(link, found, db=self._db)
            layer, key = found, key[SLICE:]
        self._txn.put(layer + key, value, db=self._db)

    def delete(self, key: bytes) -> bool:
        """Whether there was such a key."""
        return self._delete(self._layer, key)

    def is_empty(self) -> bool:
        return self._is_empty(self._layer)

    def items(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Each (key, value) with key >= `start`, ascending."""
        return self._items(self._layer, start, b"")

    def next_number(self) -> bytes:
        """A number that no layer and no name of this database has."""
        last = self._txn.get(_COUNTER, db=self._db)
        found = number(FIRST_FREE if last is None else value_of(last) + 1)
        self._txn.put(_COUNTER, found, db=self._db)
        return found

    def _delete(self, layer: bytes, key: bytes) -> bool:
        if len(key) <= SLICE:
            return bool(self._txn.delete(layer + key, db=self._db))
        link = layer + key[:SLICE] + MORE
        below = self._txn.get(link, db=self._db)
        if below is None or not self._delete(below, key[SLICE:]):
            return False
        if self._is_empty(below):
            self._txn.delete(link, db=self._db)
        return True

    def _is_empty(self, layer: bytes) -> bool:
        return next(self._items(layer, b"", b""), None) is None

    def _items(self, layer: bytes, start: bytes, before: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Those of a layer, whose keys continue `before`."""
        with self._txn.cursor(db=self._db) as cursor:
            found = cursor.set_range(layer + start[:SLICE])
            while found and cursor.key()[:8] == layer:
                part, value = cursor.key()[8:], cursor.value()
                if len(part) > SLICE:
                    part = part[:SLICE]
                    rest = start[SLICE:] if start.startswith(part) else b""
                    yield from self._items(value, rest, before + part)
                elif part >= start:
                    yield before + part, value
                found = cursor.next()
