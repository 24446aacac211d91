"""Rooms' logs as they are handed out: without texts that were replaced before the log's end.

For files that leave the installation. Backups and moves are exact copies and read the logs themselves.
"""

from collections.abc import AsyncIterator, Iterable, Mapping

from chatserver.archive import source
from chatserver.archive.patience import Readable
from chatserver.model import AnyEvent, MessageDeleted, MessageEdited
from chatserver.redaction import as_it_stands


async def events(
    store: Readable, ends: Mapping[str, int], begins: Mapping[str, int]
) -> AsyncIterator[tuple[str, list[AnyEvent]]]:
    """What `source.events` gives, redacted. Logs of several pieces are read twice.

    What replaces a text comes behind it, perhaps in a later piece. The store's newest texts do not
    tell: a message that was edited after the end would have no text at all.
    """
    newest: dict[tuple[str, str], int] = {}
    reached = ""
    async for room, piece in source.events(store, ends, begins):
        if room != reached:
            reached, newest = room, {}
            if piece[-1].seq == ends[room]:
                _note(newest, piece)
            else:
                begin = {room: begins.get(room, 0)}
                async for _, part in source.events(store, {room: ends[room]}, begin):
                    _note(newest, part)
        yield room, [as_it_stands(event, newest) for event in piece]


def _note(newest: dict[tuple[str, str], int], events: Iterable[AnyEvent]) -> None:
    """Keep which text of each message stands, as `Store.texts` tells it."""
    for event in events:
        if isinstance(event, MessageDeleted):
            newest[event.room, event.message] = 0
        elif isinstance(event, MessageEdited) and newest.get((event.room, event.message)) != 0:
            newest[event.room, event.message] = event.seq
