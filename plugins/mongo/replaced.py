"""Removes texts from events that an edit or a deletion has replaced."""

from collections.abc import Sequence
from typing import Any

import chatserver
from chatserver import AnyEvent, MessageEdited, MessagePosted, message_seq
from chatserver_plugins.mongo import documents
from chatserver_plugins.mongo.reads import Reads


async def redact(reads: Reads, collection: Any, parts: Sequence[list[AnyEvent]]) -> None:
    """Redact in place, by one query; each part is from one room and has no gaps."""
    places: list[documents.Document] = []
    edits: list[list[MessageEdited]] = []
    for part in parts:
        edits.append([event for event in part if isinstance(event, MessageEdited)])
        if edits[-1] or any(isinstance(event, MessagePosted) for event in part):
            places += _places(part, edits[-1])
    if not places:
        return
    pipeline = documents.newest_of_kinds({"$or": places})
    found = await reads.aggregate(collection, pipeline, index=documents.BY_REPLACED)
    if not found:
        return
    newest = {
        key: 0 if "message.deleted" in seqs else seqs["message.edited"]
        for key, seqs in documents.seqs_by_message(found).items()
    }
    for part, edited in zip(parts, edits, strict=True):
        messages = (message_seq(*key) for key in newest if part and key[0] == part[0].room)
        chatserver.redact(part, [seq for seq in messages if seq is not None])
        # An edit keeps its text as long as it is the newest.
        chatserver.redact(
            part, [each.seq for each in edited if newest.get((each.room, each.message)) != each.seq]
        )


def _places(part: Sequence[AnyEvent], edits: Sequence[MessageEdited]) -> list[documents.Document]:
    """Queries for the changes of these events' texts."""
    first, last = part[0].seq, part[-1].seq
    seqs = {message_seq(event.room, event.message) for event in edits}
    others = [seq for seq in seqs if seq is not None and not first <= seq <= last]
    return documents.replacing(part[0].room, first, last, others)
