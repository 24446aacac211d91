"""Where the pages of a room's index are, for stores around the store that write them anew."""

from collections.abc import Iterator

from chatserver.interfaces import IndexPlace
from chatserver.search import directory
from chatserver.search.segments import cover


def index_places(room: str, indexed: int) -> Iterator[IndexPlace]:
    """The places of all pages that a search needs in an index up to the seq `indexed`.

    Some have no page. Others that are in the store for a while are superseded, and as good as dropped.
    """
    yield room, directory.SLOT, 0
    for segment in cover(indexed):
        for slot in segment.slots:
            yield room, slot, segment.newest
