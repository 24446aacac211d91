"""One transaction: the databases of the file, and the maps in one of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatserver_lmdb_store.tree import Tree, number, value_of

ROOMS, USERS, SENT, MESSAGES, PUBLIC, SPACES = map(number, range(1, 7))  # first layers of the maps
ANY_SEQ = (1 << 64) - 1
APART = b"t"  # behind the users of a message: it is in a thread alone


class View:
    """Reads and, in a transaction that writes, changes what is stored. `txn` is an `lmdb.Transaction`."""

    def __init__(self, txn: Any, databases: Mapping[str, Any]) -> None:
        self._txn, self._databases = txn, databases

    def get(self, name: str, key: bytes) -> bytes | None:
        """The value in the database of this name."""
        found: bytes | None = self._txn.get(key, db=self._databases[name])
        return found

    def put(self, name: str, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._databases[name])

    def delete(self, name: str, key: bytes) -> None:
        self._txn.delete(key, db=self._databases[name])

    def items(
        self, name: str, begins: bytes, start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Each (key, value) whose key has this beginning, ascending, from `start` on."""
        with self._txn.cursor(db=self._databases[name]) as cursor:
            more = cursor.set_range(start or begins)
            while more and cursor.key().startswith(begins):
                yield cursor.key(), cursor.value()
                more = cursor.next()

    def back(self, name: str, room: bytes, before: int = ANY_SEQ) -> Iterator[bytes]:
        """Each key of a room with a seq < `before`, descending."""
        with self._txn.cursor(db=self._databases[name]) as cursor:
            more = cursor.prev() if cursor.set_range(room + seq(before)) else cursor.last()
            while more and cursor.key()[:8] == room:
                yield cursor.key()
                more = cursor.prev()

    def tree(self, layer: bytes) -> Tree:
        """One of the maps, by the number of its first layer."""
        return Tree(self._txn, self._databases["trees"], layer)

    def number(self, layer: bytes, name: bytes) -> bytes | None:
        """The number that stands for a name in a map."""
        return self.tree(layer).get(name)

    def number_for(self, layer: bytes, name: bytes) -> bytes:
        """The number that stands for a name, a new one if it has none."""
        tree = self.tree(layer)
        found = tree.get(name)
        if found is None:
            found = tree.next_number()
            tree.put(name, found)
        return found

    def rooms(self, names: Sequence[str]) -> dict[str, bytes]:
        """The numbers of those rooms that have one."""
        found = {name: self.number(ROOMS, name.encode()) for name in names}
        return {name: own for name, own in found.items() if own is not None}

    def head(self, room: bytes) -> int:
        """The highest seq of a room, 0 without events."""
        return value_of(next(self.back("events", room), bytes(16))[8:])


def seq(value: int) -> bytes:
    """Any whole number as the part of a key that is a seq."""
    return number(min(max(value, 0), ANY_SEQ))
