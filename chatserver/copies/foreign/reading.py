"""What every format has: a reader, which yields what an export has in the terms of `model.py`."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from chatserver.copies.foreign.model import Moved, Person, Place, Said
from chatserver.copies.foreign.packs import Pack
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report


class Reader(Protocol):
    """Reads one format. The methods are called once each, in this order.

    They raise `ArchiveError` for an export that is broken, and report all that they leave out.
    """

    def people(self) -> Iterator[Person]: ...

    def rooms(self, people: People) -> Iterator[Place]: ...

    def messages(self, people: People) -> Iterator[Said | Moved | Place]:
        """In any order; of several with one id in a room, the first counts. Further rooms may come before theirs."""
        ...


class Format(NamedTuple):
    """A format by its name, and what makes the reader of an export: of its pack, and of folders that may have its files."""

    name: str
    reader: Callable[[Pack, Sequence[Pack], Report], Reader]
