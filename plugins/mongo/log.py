"""The log of every room, in the collection `events`."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

from bson.errors import InvalidDocument
from pymongo.read_concern import ReadConcern

from chatserver import (
    AnyEvent,
    Appended,
    EventRemoved,
    MemberEvent,
    MessageChange,
    MessageEdited,
    MessagePosted,
    Replies,
    RoomChanged,
    RoomKind,
    StoreUnavailable,
    Tally,
    Unread,
    cleared,
    erased,
    in_parts,
    message_seq,
    redacted,
    replaced_by,
)
from chatserver_plugins.mongo import documents, replaced
from chatserver_plugins.mongo.driver import (
    DUPLICATE_KEY,
    DURABLE,
    FAILED_VALIDATION,
    Database,
)
from chatserver_plugins.mongo.line import Line
from chatserver_plugins.mongo.reads import Reads

NAME = "events"
OTHER_FORM = (
    "the log has another form by now: set plugin.mongo.sharded, and start this server again"
)
PAGES_AT_ONCE = 500  # a pipeline may have 1000 stages, and the first page takes three
TRIES = 20  # to change events, each of which another node changes meanwhile
LOCAL = ReadConcern("local")
EDITS = ("message.edited", "message.deleted")
REACTIONS, PINS = ("reaction.added", "reaction.removed"), ("pin.added", "pin.removed")


class MongoLog:
    """Reads see only what a majority has, except those that number events, which see everything."""

    _database: Database
    _line: Line
    _reads: Reads
    _sharded = False  # whether the log is ready for shards

    @cached_property
    def _events(self) -> Any:
        return self._database.collection(NAME)

    @cached_property
    def _latest(self) -> Any:
        return self._database.collection(NAME, LOCAL)

    async def settle(self) -> None:
        """Return once all data of this primary is durable.

        An update that matches no document writes nothing, but waits like any write.
        https://www.mongodb.com/docs/manual/reference/write-concern/
        """
        nothing = {"_id": ""}
        await self._database.run(self._events.update_one(nothing, {"$set": {"seq": 0}}))

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        if not events:
            return Appended(0)
        try:
            if erasing:
                return await self._append_erasing(events, erasing)
            return await self._insert(events)
        except InvalidDocument:
            if len(events) == 1:
                raise
        # Too large for one message to the server, so nothing was sent.
        half = len(events) // 2
        first = await self.append(events[:half], [index for index in erasing if index < half])
        if first.conflict:
            return first
        late = [index - half for index in erasing if index >= half]
        rest = await self.append(events[half:], late)
        return Appended(half + rest.stored, rest.conflict)

    async def _append_erasing(
        self, events: Sequence[AnyEvent], erasing: Collection[int]
    ) -> Appended:
        """Write events, and then remove what they replace.

        Not in a transaction: if this process ended within one, nobody could write to the room for a minute.
        """
        # No edit can come meanwhile, as the events follow on all that is stored.
        edits = await self._edits(replaced_by(events, erasing))
        appended = await self._insert(events)
        stored = events[: appended.stored]
        gone = erased(stored, [index for index in erasing if index < len(stored)], edits)
        seqs = defaultdict(list, gone.stored)
        for event, without in zip(stored, gone.batch, strict=True):
            if event is not without:
                seqs[event.room].append(event.seq)
        for room, of in seqs.items():
            await self.redact(room, of)
        return appended

    async def _edits(
        self, kinds: Mapping[tuple[str, str], type[AnyEvent]]
    ) -> dict[tuple[str, str], list[int]]:
        """The seqs of the edits of these messages; of one that is only edited again, the newest."""
        found: dict[tuple[str, str], list[int]] = {}
        edited: defaultdict[str, list[str]] = defaultdict(list)
        for (room, message), kind in kinds.items():
            if kind is MessageEdited:
                edited[room].append(message)
                continue
            query = documents.changed({room: [message]}, "message.edited")
            edits = await self._reads.find(self._events, query, [("seq", 1)])
            found[room, message] = [edit["seq"] for edit in edits]
        for key, seqs in (await self._newest_of_kinds(edited, "message.edited")).items():
            found[key] = [*seqs.values()]
        return found

    def _document(self, event: AnyEvent) -> documents.Document:
        return documents.document(event, sharded=self._sharded)

    async def _insert(self, events: Sequence[AnyEvent]) -> Appended:
        batch = [self._document(event) for event in events]
        result = await self._line.insert(NAME, batch, DURABLE)
        if "writeConcernError" in result:
            raise StoreUnavailable
        errors = result.get("writeErrors")
        if not errors and result["n"] == len(batch):
            return Appended(len(batch))
        if errors and errors[0]["code"] == FAILED_VALIDATION:
            raise StoreUnavailable(reason=OTHER_FORM)
        if not errors or errors[0]["code"] != DUPLICATE_KEY:
            raise StoreUnavailable
        return Appended(errors[0]["index"], documents.conflict(errors[0]))

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        if not rooms:
            return {}
        found = await self._reads.aggregate(self._latest, documents.heads(rooms))
        # Reads up to these heads must find every event, and no event may be rolled back.
        await self.settle()
        return {head["_id"]: head["seq"] for head in found}

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        if limit < 1:
            return []
        query = {"room": room, "seq": {"$gt": after}}
        found = await self._reads.find(self._events, query, [("seq", 1)], limit)
        return documents.events(found, AnyEvent)

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        if not wanted or limit < 1:
            return [[] for _ in wanted]
        query = documents.ranges(wanted, limit)
        rooms: defaultdict[str, list[AnyEvent]] = defaultdict(list)
        for found in await self._reads.find(
            self._events, query, [("seq", 1)], index=documents.BY_SEQ
        ):
            rooms[found["room"]] += documents.events([found], AnyEvent)
        return [
            [event for event in rooms[room] if after < event.seq <= after + limit]
            for room, after in wanted
        ]

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        wanted = [(room, max(after, 0)) for room, after in wanted]
        if len(wanted) == 1:
            parts = [await self.read(*wanted[0], limit)]
        else:
            parts = await self.ranges(wanted, limit)
        # Done after reading the events, so that no text replaced in between is missed.
        await replaced.redact(self._reads, self._events, parts)
        return parts

    async def texts(self, room: str, message: str) -> list[int]:
        seq = message_seq(room, message)
        posted = await self.posted([(room, seq)]) if seq else []
        query = documents.changed({room: [message]}, "message.edited")
        edits = await self._reads.find(self._events, query, [("seq", 1)])
        return [*(event.seq for event in posted), *(edit["seq"] for edit in edits)]

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        if not seqs:
            return
        query = {"room": room, "seq": {"$in": list(seqs)}, "ev": {"$in": documents.WITH_TEXT}}
        await self._change(query, MessagePosted | MessageEdited, redacted)

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        if not seqs:
            return
        head = (await self.heads([room])).get(room, 0)
        wanted = {seq for seq in seqs if 0 < seq < head}
        places = {"room": room, "seq": {"$in": [*wanted]}}
        asked = {"seq": 1, "ev": 1, "user.id": 1, "kind": 1}
        found = await self._database.run(self._events.find(places, asked).to_list(None))
        kept = {each["seq"] for each in found if not documents.can_be_removed(each)}
        # Those without a document lost it as a server without transactions was killed below.
        left = [EventRemoved.of(room, seq) for seq in wanted - kept]
        ids = [each["_id"] for each in found if each["seq"] not in kept]

        async def work(session: Any) -> None:
            # The _id of a message has its author, and cannot change.
            # With the room, as another shard could have the same _id in a room of its own.
            await self._events.delete_many({"room": room, "_id": {"$in": ids}}, session=session)
            await self._events.insert_many(map(documents.document, left), session=session)

        # If this process ends within a transaction, its events are blocked for a minute: nobody else writes to them.
        if left:
            await self._database.in_transaction(work)

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for old, _ in pairs:
            places[old.room].append(old.seq)
        if not places:
            return 0
        query = {"$or": [{"room": room, "seq": {"$in": seqs}} for room, seqs in places.items()]}
        found = await self._reads.find(self._events, query, [], index=documents.BY_SEQ)
        given = {(old.room, old.seq): (old, new) for old, new in pairs}
        changes = []
        for stored in found:
            for event in documents.events([stored], AnyEvent):
                old, new = given[event.room, event.seq]
                if event == old:
                    changes.append(documents.replacement(stored, self._document(new)))
        if not changes:
            return 0
        done = await self._database.run(self._events.bulk_write(changes, ordered=False))
        return int(done.matched_count)

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        if not seqs:
            return
        await self._change({"room": room, "seq": {"$in": list(seqs)}}, AnyEvent, cleared)

    async def _change(
        self, query: documents.Document, kind: Any, change: Callable[[Any], AnyEvent]
    ) -> None:
        """Put changed events in the places of those that are found; again if another node changes some meanwhile."""
        for _ in range(TRIES):
            changes = [
                documents.replacement(stored, self._document(new))
                for stored in await self._reads.find(self._events, query, [])
                for event in documents.events([stored], kind)
                if (new := change(event)) is not event
            ]
            if not changes:
                return
            done = await self._database.run(self._events.bulk_write(changes, ordered=False))
            if done.matched_count == len(changes):
                return
        raise StoreUnavailable(reason="events change all the time")

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        if limit < 1:
            return []
        query: documents.Document = {"room": room, "ev": "message.posted"}
        if before is not None:
            query["seq"] = {"$lt": before}
        found = await self._reads.find(self._events, query, [("seq", -1)], limit)
        return documents.events(found[::-1], MessagePosted)

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        pages: list[list[MessagePosted]] = [[] for _ in wanted]
        if limit < 1:
            return pages
        for start in range(0, len(wanted), PAGES_AT_ONCE):
            pipeline = documents.pages(NAME, wanted[start : start + PAGES_AT_ONCE], limit)
            for found in await self._reads.aggregate(self._events, pipeline):
                pages[start + found["part"]] += documents.events([found], MessagePosted)
        return [page[::-1] for page in pages]

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        wanted: dict[str, list[int]] = {}
        for room, seq in keys:
            wanted.setdefault(room, []).append(seq)
        if not wanted:
            return []
        places = [{"room": room, "seq": {"$in": seqs}} for room, seqs in wanted.items()]
        query = {"$or": places, "ev": "message.posted"}
        found = await self._reads.find(self._events, query, [], index=documents.BY_SEQ)
        return documents.events(found, MessagePosted)

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        newest = await self._newest_of_kinds(messages, *EDITS, *REACTIONS, *PINS)
        places: defaultdict[str, list[int]] = defaultdict(list)
        reacted: defaultdict[str, list[str]] = defaultdict(list)
        for (room, message), seqs in newest.items():
            places[room] += [seqs[kind] for kind in EDITS if kind in seqs]
            if seqs.get("pin.added", 0) > seqs.get("pin.removed", 0):
                places[room].append(seqs["pin.added"])
            if "reaction.added" in seqs:
                reacted[room].append(message)
        found, reactions = await asyncio.gather(self._at(places), self._reactions(reacted))
        return sorted([*found, *reactions], key=lambda event: event.seq)

    async def replies(
        self, room: str, message: str, before: int | None, limit: int
    ) -> list[MessagePosted]:
        if limit < 1:
            return []
        pipeline = documents.replies(NAME, [(room, message)], before, limit)
        found = await self._reads.aggregate(self._events, pipeline, index=documents.BY_KIND)
        return documents.events(found[::-1], MessagePosted)

    async def threads(
        self, messages: Mapping[str, Sequence[str]], newest: int
    ) -> dict[tuple[str, str], Replies]:
        found: dict[tuple[str, str], Replies] = {}
        for each in await self._by_kind(messages, "message.posted"):
            key = each["_id"]["room"], each["_id"]["message"]
            found[key] = Replies(each["count"], [])
        keys = list(found) if newest > 0 else []
        for start in range(0, len(keys), PAGES_AT_ONCE):
            pipeline = documents.replies(NAME, keys[start : start + PAGES_AT_ONCE], None, newest)
            replies = await self._reads.aggregate(self._events, pipeline)
            for reply in documents.events(replies[::-1], MessagePosted):
                found[reply.room, reply.thread].newest.append(reply)
        return found

    async def tally(self, room: str, message: str, user: str) -> Tally:
        of = {room: [message]}
        own = documents.changed(of, *REACTIONS, *PINS) | {"author.id": user}
        counted, mine = await asyncio.gather(
            self._by_kind(of, "message.edited", *REACTIONS, *PINS),
            self._reads.aggregate(self._events, [{"$match": own}, {"$count": "n"}]),
        )
        counts = {found["_id"]["ev"]: found["count"] for found in counted}
        edits = counts.pop("message.edited", 0)
        return Tally(edits, sum(counts.values()), mine[0]["n"] if mine else 0)

    async def _newest_of_kinds(
        self, messages: Mapping[str, Sequence[str]], *kinds: str
    ) -> dict[tuple[str, str], dict[str, int]]:
        """The highest seq of each kind of change, by (room, message), for messages with changes."""
        return documents.seqs_by_message(await self._by_kind(messages, *kinds))

    async def _by_kind(
        self, messages: Mapping[str, Sequence[str]], *kinds: str
    ) -> list[documents.Document]:
        if not any(messages.values()):
            return []
        pipeline = documents.newest_of_kinds(documents.changed(messages, *kinds))
        return await self._reads.aggregate(self._events, pipeline, index=documents.BY_KIND)

    async def _at(self, places: Mapping[str, Sequence[int]]) -> list[MessageChange]:
        """The changes at these seqs of each room."""
        wanted = [{"room": room, "seq": {"$in": seqs}} for room, seqs in places.items() if seqs]
        if not wanted:
            return []
        query = {"$or": wanted}
        found = await self._reads.find(self._events, query, [], index=documents.BY_SEQ)
        return documents.events(found, MessageChange)

    async def _reactions(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        if not messages:
            return []
        pipeline = documents.standing_reactions(documents.changed(messages, *REACTIONS))
        found = await self._reads.aggregate(self._events, pipeline, index=documents.BY_KIND)
        return documents.events(found, MessageChange)

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        if self._sharded:
            raise NotImplementedError("no index of this log begins with the author")
        messages = await self._sent([documents.message_key(*key) for key in keys])
        return {(message.author.id, message.client_id): message for message in messages}

    async def _repeats_in(
        self, sends: Sequence[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], MessagePosted]:
        ids = [documents.message_key(author, client_id, room) for room, author, client_id in sends]
        # With the rooms, so that a router asks their shards alone.
        rooms = {"room": {"$in": [*{room for room, _, _ in sends}]}}
        return {
            (message.room, message.author.id, message.client_id): message
            for message in await self._sent(ids, rooms)
        }

    async def _sent(
        self, ids: Sequence[documents.Document], within: documents.Document | None = None
    ) -> list[MessagePosted]:
        """The messages with these `_id`, durable."""
        if not ids:
            return []
        query = {"_id": {"$in": ids}, **(within or {})}
        found = await self._reads.find(self._latest, query, [], index=documents.BY_ID)
        if found:
            await self.settle()  # a repeat is acknowledged like a first send
        return documents.events(found, MessagePosted)

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        if not rooms:
            return {}
        query = {"room": {"$in": list(rooms)}, "kind": documents.ANY}
        return {room.room: room for room in await self._newest(RoomChanged, query, "room")}

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        public: list[RoomChanged] = []
        while len(public) < limit:
            wanted = limit - len(public)
            once_public = await self._once_public(after, wanted)
            newest = await self.rooms(once_public)
            known = (newest[room] for room in once_public if room in newest)
            public += [room for room in known if room.kind is RoomKind.PUBLIC]
            if len(once_public) < wanted:
                break
            after = once_public[-1]
        return public

    async def _once_public(self, after: str, limit: int) -> list[str]:
        """Ids of rooms that are or were public; some occur several times, once for each description."""
        query = {"kind": RoomKind.PUBLIC.value, "room": {"$gt": after}}
        rooms: dict[str, None] = {}
        while len(rooms) < limit:
            found = await self._reads.find(self._events, query, [("room", 1)], limit)
            rooms |= dict.fromkeys(event["room"] for event in found)
            if len(found) < limit:
                break
            query["room"] = {"$gt": found[-1]["room"]}
        return list(rooms)[:limit]

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        if limit < 1:
            return []
        # Every room has a first event, found by skipping through the index over (room, seq).
        query = {"room": {"$gt": after}, "seq": 1}
        fields = {"_id": 0, "room": 1}
        found = await self._reads.find(self._events, query, [("room", 1)], limit, fields=fields)
        return [first["room"] for first in found]

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        if not rooms:
            return []
        if len(rooms) == 1:
            query = {"room": rooms[0], "user.id": documents.ANY}
            return await self._newest(MemberEvent, query, "room", "user.id")
        return await self._of_groups(MemberEvent, documents.members(rooms))

    async def members_after(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        if limit < 1:
            return []
        pipeline = documents.members_after(room, after, limit)
        return await self._of_groups(MemberEvent, pipeline)

    async def memberships(self, user: str) -> list[MemberEvent]:
        return await self._newest(MemberEvent, {"user.id": user}, "user.id", "room")

    async def _newest(self, kind: Any, match: documents.Document, *group: str) -> list[Any]:
        return await self._of_groups(kind, documents.newest(match, *group))

    async def _of_groups(self, kind: Any, pipeline: Sequence[documents.Document]) -> list[Any]:
        """The `event` of each result, of which there may be very many."""
        found = await self._reads.aggregate(self._events, pipeline)

        def events(groups: Sequence[documents.Document]) -> list[Any]:
            return documents.events([group["event"] for group in groups], kind)

        return [*await in_parts(found, events)]

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        if not after:
            return {}
        found = await self._reads.aggregate(self._events, documents.unread(user, after))
        return {room["_id"]: Unread(room["messages"], room["mentions"]) for room in found}
