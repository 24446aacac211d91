"""Redacted logs of rooms, without texts that were replaced before the log's end.

They are for files that leave the installation. Backups and moves are exact copies and read the plain logs.
"""

from collections.abc import AsyncIterator, Iterable, Mapping

from chatserver.copies.archive import source
from chatserver.copies.archive.patience import Readable
from chatserver.model import AnyEvent, MessageDeleted, MessageEdited
from chatserver.roomlog.redaction import as_it_stands


async def events(
    store: Readable, ends: Mapping[str, int], begins: Mapping[str, int]
) -> AsyncIterator[tuple[str, list[AnyEvent]]]:
    """Like `source.events`, redacted. Logs of several pieces are read twice.

    An event that replaces a text comes later in the log, perhaps in a later piece. `Store.shown` cannot be
    used here: a message that was edited after the end would be left without any text.
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
    """Note the seq of each message's newest text, for `as_it_stands`."""
    for event in events:
        if isinstance(event, MessageDeleted):
            newest[event.room, event.message] = 0
        elif isinstance(event, MessageEdited) and newest.get((event.room, event.message)) != 0:
            newest[event.room, event.message] = event.seq
