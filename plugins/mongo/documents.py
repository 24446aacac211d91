"""Events as BSON documents and back, the indexes over them, and the queries' pipelines.

A document is the event's wire form: `{ev, room, seq, at, author: {id, name}, …}`. The `_id` of a posted
message consists of its author and client_id, so that the index over `_id`, which every collection has,
excludes repeats; in a log that is ready for shards it begins with the room (`sharding.py`). Only a change of a
message, or a reply in its thread, has `message`, only a member event has `user`, only a room's description has
`kind`: the partial indexes rely on that, and a posted message, by far the most frequent event, is in just one
other index. Edits and deletions have `replaces`, the seq of their message; servers of the version before do not
write it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from pymongo import IndexModel, ReplaceOne

from chatserver import (
    EVERYBODY,
    AnyEvent,
    Conflict,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    message_seq,
    read_event,
)

Document = dict[str, Any]

# A query with this condition on the field of a partial index can use the index without reading the documents,
# which $exists would require.
ANY = {"$gte": ""}
OURS = ("_id", "part", "replaces")  # fields that events do not have


def _partial(field: str, *keys: tuple[str, int]) -> IndexModel:
    return IndexModel(list(keys), partialFilterExpression={field: {"$exists": True}})


BY_ID = [("_id", 1)]
BY_SEQ = [("room", 1), ("seq", -1)]
BY_MESSAGE = [("room", 1), ("message", 1), ("seq", 1)]  # hinted at by servers of the version before
BY_KIND = [("room", 1), ("message", 1), ("ev", 1), ("seq", 1)]
BY_REPLACED = [("room", 1), ("replaces", 1), ("message", 1), ("ev", 1), ("seq", 1)]
# Edits and deletions: before MongoDB 6 a partial index takes no $in.
WITH_TEXT = ["message.posted", "message.edited"]
REPLACING = {"$gte": "message.deleted", "$lte": "message.edited"}

# seq descends, so that a group's newest event comes first: for `newest` MongoDB then skips from group to
# group (DISTINCT_SCAN).
INDEXES = (
    IndexModel(BY_SEQ, unique=True),
    _partial("message", *BY_MESSAGE),
    _partial("message", *BY_KIND),
    IndexModel(BY_REPLACED, partialFilterExpression={"ev": REPLACING}),
    _partial("user.id", ("room", 1), ("user.id", 1), ("seq", -1)),
    _partial("user.id", ("user.id", 1), ("room", 1), ("seq", -1)),
    _partial("kind", ("room", 1), ("seq", -1), ("kind", 1)),
    _partial("kind", ("kind", 1), ("room", 1), ("seq", -1)),
)


def document(event: AnyEvent, *, sharded: bool = False) -> Document:
    """The document for an event, in a log that is ready for shards or not."""
    made: Document = msgspec.to_builtins(event)
    if isinstance(event, MessagePosted):
        if event.thread is not None:
            made["message"] = event.thread
        # First in the document: mongod copies documents with `_id` elsewhere.
        room = event.room if sharded else None
        return {"_id": message_key(event.author.id, event.client_id, room), **made}
    if isinstance(event, MessageEdited | MessageDeleted):
        seq = message_seq(event.room, event.message)
        return made if seq is None else {**made, "replaces": seq}
    return made


def replacement(stored: Document, new: Document) -> ReplaceOne[Document]:
    """Puts a document in the place of a stored one, which `find` returned, unless that has changed since."""
    same: Document = {"room": stored["room"], "seq": stored["seq"]}
    for name in {*stored, *new} - {
        "_id",
        *same,
    }:  # also those that stay, as others may have changed them
        same[name] = {"$eq": stored[name]} if name in stored else {"$exists": False}
    return ReplaceOne(same, new)


def can_be_removed(stored: Document) -> bool:
    """Whether `Store.remove` does anything to a document."""
    return not ("user" in stored or "kind" in stored or stored["ev"] == "event.removed")


def message_key(author: str, client_id: str, room: str | None = None) -> Document:
    """The `_id` of the message that an author sent with this client_id; with the room if the log is ready for shards."""
    key = {"author": author, "client_id": client_id}
    return key if room is None else {"room": room, **key}


def events(documents: Sequence[Document], kind: Any) -> list[Any]:
    """The events in documents; `kind` is their struct, or the union of their structs."""
    try:
        return [msgspec.convert(document, kind) for document in documents]
    except msgspec.ValidationError:
        found = (read_event(_without_ours(document), kind) for document in documents)
        return [event for event in found if event is not None]


def _without_ours(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in OURS}


def conflict(error: Mapping[str, Any]) -> Conflict:
    """The rule broken, by a write error with the code DUPLICATE_KEY."""
    return Conflict.CLIENT_ID if "_id" in error["keyPattern"] else Conflict.POSITION


def newest(match: Document, *group: str) -> list[Document]:
    """The event with the highest seq of each group. `group` has the index's keys before seq."""
    return [
        {"$match": match},
        {"$sort": dict.fromkeys(group, 1) | {"seq": -1}},
        {"$group": {"_id": f"${group[-1]}", "event": {"$first": "$$ROOT"}}},
    ]


def members(rooms: Sequence[str]) -> list[Document]:
    """The newest member event of each user in each of the rooms."""
    return [
        {"$match": {"room": {"$in": list(rooms)}, "user.id": ANY}},
        {"$sort": {"room": 1, "user.id": 1, "seq": -1}},
        {
            "$group": {
                "_id": {"room": "$room", "user": "$user.id"},
                "event": {"$first": "$$ROOT"},
            }
        },
    ]


def members_after(room: str, after: str, limit: int) -> list[Document]:
    """The newest member event of each of the first users of the room whose id is greater than `after`."""
    match = {"room": room, "user.id": {"$gt": after}}
    return [*newest(match, "room", "user.id"), {"$sort": {"_id": 1}}, {"$limit": limit}]


def changed(messages: Mapping[str, Sequence[str]], *kinds: str) -> Document:
    """Matches changes of these kinds to each room's messages with these ids, by the index BY_KIND."""
    places: list[Document] = [
        {"room": room, "message": {"$in": list(wanted)}, "ev": {"$in": list(kinds)}}
        for room, wanted in messages.items()
        if wanted
    ]
    return places[0] if len(places) == 1 else {"$or": places}


def replacing(room: str, first: int, last: int, others: Collection[int]) -> list[Document]:
    """Queries for edits and deletions by the index BY_REPLACED.

    Together they match those of messages from `first` to `last` and at the seqs `others`, and all without
    `replaces`.
    """
    seqs: list[Any] = [{"$gte": first, "$lte": last}, None]
    if others:
        seqs.append({"$in": [*others]})
    return [{"room": room, "ev": REPLACING, "replaces": seq} for seq in seqs]


def newest_of_kinds(match: Document) -> list[Document]:
    """The highest seq and the number of changes, for each message and kind.

    Only entries of the index are read for it.
    """
    each = {"room": "$room", "message": "$message", "ev": "$ev"}
    return [
        {"$match": match},
        {"$group": {"_id": each, "seq": {"$max": "$seq"}, "count": {"$sum": 1}}},
    ]


def seqs_by_message(found: Sequence[Document]) -> dict[tuple[str, str], dict[str, int]]:
    """The result of `newest_of_kinds`: seqs by kind, by (room, message)."""
    newest: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for each in found:
        of = each["_id"]
        newest[of["room"], of["message"]][of["ev"]] = each["seq"]
    return newest


def standing_reactions(match: Document) -> list[Document]:
    """Each `reaction.added` that is the newest event of its author with its emoji."""
    each = {"room": "$room", "message": "$message", "emoji": "$emoji", "author": "$author.id"}
    return [
        {"$match": match},
        {"$group": {"_id": each, "newest": {"$max": {"seq": "$seq", "event": "$$ROOT"}}}},
        {"$match": {"newest.event.ev": "reaction.added"}},
        {"$replaceRoot": {"newRoot": "$newest.event"}},
        {"$unset": "_id"},
    ]


def pages(collection: str, wanted: Sequence[tuple[str, int | None]], limit: int) -> list[Document]:
    """The newest posted messages of each (room, before); `part` is the pair's number.

    One pipeline with several searches, each of which uses the index.
    """
    parts: list[list[Document]] = [
        [
            {
                "$match": {"room": room, "ev": "message.posted"}
                | ({} if before is None else {"seq": {"$lt": before}})
            },
            {"$sort": {"seq": -1}},
            {"$limit": limit},
            {"$addFields": {"part": part}},
        ]
        for part, (room, before) in enumerate(wanted)
    ]
    unions = [{"$unionWith": {"coll": collection, "pipeline": part}} for part in parts[1:]]
    return parts[0] + unions


def replies(
    collection: str, threads: Sequence[tuple[str, str]], before: int | None, limit: int
) -> list[Document]:
    """The newest replies to each (room, message); one pipeline with several searches, as in `pages`."""
    parts: list[list[Document]] = [
        [
            {
                "$match": changed({room: [message]}, "message.posted")
                | ({} if before is None else {"seq": {"$lt": before}})
            },
            {"$sort": {"seq": -1}},
            {"$limit": limit},
        ]
        for room, message in threads
    ]
    unions = [{"$unionWith": {"coll": collection, "pipeline": part}} for part in parts[1:]]
    return parts[0] + unions


def ranges(wanted: Sequence[tuple[str, int]], limit: int) -> Document:
    """`limit` events after each (room, seq). Logs have no gaps, so the last seq is known."""
    return {
        "$or": [
            {"room": room, "seq": {"$gt": after, "$lte": after + limit}} for room, after in wanted
        ]
    }


def heads(rooms: Sequence[str]) -> list[Document]:
    """The highest seq of each of the rooms."""
    return [
        {"$match": {"room": {"$in": list(rooms)}}},
        {"$sort": {"room": 1, "seq": -1}},
        {"$group": {"_id": "$room", "seq": {"$first": "$seq"}}},
    ]


def unread(user: str, after: Mapping[str, int]) -> list[Document]:
    """Numbers of others' messages behind a seq of each room, and of those that mention the user."""
    # A user id could begin with "$", which in an expression only $literal keeps as text.
    either = {"$setIntersection": [{"$literal": [user, EVERYBODY]}, {"$ifNull": ["$mentions", []]}]}
    mentioned = {"$gt": [{"$size": either}, 0]}
    return [
        {
            "$match": {
                "$or": [{"room": room, "seq": {"$gt": seq}} for room, seq in after.items()],
                "ev": "message.posted",
                "author.id": {"$ne": user},
                # Replies that are in a thread alone.
                "$nor": [{"thread": {"$exists": True}, "broadcast": {"$ne": True}}],
            }
        },
        {
            "$group": {
                "_id": "$room",
                "messages": {"$sum": 1},
                "mentions": {"$sum": {"$cond": [mentioned, 1, 0]}},
            }
        },
    ]
