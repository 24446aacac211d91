"""What a store promises holds for a lot of something, too: none of it is cut, left out or forgotten."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from chatserver import (
    AnyEvent,
    Appended,
    Conflict,
    MessageEdited,
    PinAdded,
    ReactionAdded,
    Store,
    Unread,
)
from chatserver.testing.samples import described, event, joined, posted

MANY = 1010  # more than a store may want to take or give at once
AT_ONCE = 100


async def together(calls: Sequence[Awaitable[object]]) -> None:
    """Some at a time, as a server with many clients does it."""
    for start in range(0, len(calls), AT_ONCE):
        await asyncio.gather(*calls[start : start + AT_ONCE])


async def appended(store: Store, events: Iterable[AnyEvent]) -> None:
    batch = list(events)
    assert await store.append(batch) == Appended(len(batch))


class ManyContract:
    async def test_many_rooms_at_once(self, store: Store) -> None:
        rooms = [f"r{number:04}" for number in range(MANY)]
        descriptions = {room: described(room, 1) for room in rooms}
        members = [joined(room, 2, "u1") for room in rooms]
        messages = [posted(room, 3, "u2", mentions=("u1",)) for room in rooms]
        pins = [event(PinAdded, room, 4, message=f"{room}-3") for room in rooms]
        for some in (descriptions.values(), members, messages, pins):
            await appended(store, some)
        assert await store.heads(rooms) == dict.fromkeys(rooms, 4)
        assert await store.rooms(rooms) == descriptions
        assert sorted(await store.members(rooms), key=lambda each: each.room) == members
        assert sorted(await store.memberships("u1"), key=lambda each: each.room) == members
        assert await store.list_rooms("", MANY) == rooms
        assert await store.public_rooms("", MANY) == [*descriptions.values()]
        found = await store.posted([(room, 3) for room in rooms])
        assert sorted(found, key=lambda each: each.room) == messages
        changes = await store.changes({room: [f"{room}-3"] for room in rooms})
        assert sorted(changes, key=lambda each: each.room) == pins
        assert await store.unread("u1", dict.fromkeys(rooms, 0)) == dict.fromkeys(rooms, (1, 1))
        assert await store.ranges([(room, 2) for room in rooms], 1) == [[each] for each in messages]
        assert await store.pages([(room, None) for room in rooms], 1) == [
            [each] for each in messages
        ]

    async def test_many_messages_of_a_room(self, store: Store) -> None:
        messages = [posted("r", seq) for seq in range(1, MANY + 1)]
        await appended(store, messages)
        assert await store.read("r", 0, MANY) == messages
        assert await store.messages("r", None, MANY) == messages
        assert await store.unread("u2", {"r": 0}) == {"r": Unread(MANY, 0)}
        found = await store.posted([("r", seq) for seq in range(1, MANY + 1)])
        assert sorted(found, key=lambda each: each.seq) == messages
        keys = {(each.author.id, each.client_id): each for each in messages}
        assert await store.repeats([*keys]) == keys
        again = posted("r", MANY + 1, client_id=messages[0].client_id)
        assert await store.append([again]) == Appended(0, Conflict.CLIENT_ID)

    async def test_many_changes(self, store: Store) -> None:
        """Of one message, and one of each of many."""
        numbers = range(1, MANY + 1)
        of_one: list[Any] = [
            event(ReactionAdded, "one", seq, message="m", emoji=f"e{seq}") for seq in numbers
        ]
        of_each: list[Any] = [
            event(MessageEdited, "each", seq, message=f"m{seq}", body="b") for seq in numbers
        ]
        await appended(store, [*of_one, *of_each])
        assert await store.changes({"one": ["m"]}) == of_one
        assert await store.tally("one", "m", "u1") == (0, MANY, MANY)
        each = {"each": [f"m{seq}" for seq in numbers]}
        assert await store.changes(each) == of_each
        assert await store.texts(each) == {("each", f"m{seq}"): seq for seq in numbers}

    async def test_of_many_large_texts_the_newest(self, store: Store) -> None:
        edits: list[Any] = [
            event(MessageEdited, "r", seq, message=f"m{seq % 5}", body=f"{seq}" * 20_000)
            for seq in range(1, 101)
        ]
        await appended(store, edits)
        messages = {"r": [f"m{number}" for number in range(5)]}
        assert await store.changes(messages) == edits[-5:]
        assert await store.texts(messages) == {("r", each.message): each.seq for each in edits[-5:]}
        assert await store.tally("r", "m0", "u1") == (20, 0, 0)

    async def test_many_members(self, store: Store) -> None:
        """Some of them in another room, too."""
        members = [joined("r", seq, f"u{seq:04}") for seq in range(1, MANY + 1)]
        others = [joined("s", seq, f"u{seq:04}") for seq in range(1, 4)]
        await appended(store, [*members, *others])
        found = await store.members(["r", "s"])
        assert sorted(found, key=lambda each: (each.room, each.seq)) == [*members, *others]

    async def test_many_records(self, store: Store) -> None:
        values = {f"k{number:04}": str(number).encode() for number in range(MANY)}
        await together([store.put("s", key, value) for key, value in values.items()])
        assert await store.get_many("s", [*values]) == values
        records = [*values.items()]
        assert await store.scan("s", "") == records[:1000]
        assert await store.scan("s", "", limit=MANY) == records
        assert await store.scan("s", "", records[999][0]) == records[1000:]

    async def test_long_keys_and_large_values(self, store: Store) -> None:
        long = "k" * 300
        values = {long + end: bytes(range(256)) * size for end, size in (("a", 1), ("b", 8000))}
        for key, value in values.items():
            assert await store.add("s", key, value)
            await store.put("put", key, value)
            assert await store.get("put", key) == value
        assert await store.get_many("s", [long, *values]) == values
        assert await store.scan("s", long) == [*values.items()]

    async def test_a_very_large_body(self, store: Store) -> None:
        messages = [posted("r", 1, body="long " * 60_000), posted("r", 2, body="東" * 300_000)]
        await appended(store, messages)
        assert await store.read("r", 0, 9) == messages
