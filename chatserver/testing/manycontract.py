"""Contract of stores for large numbers and sizes: nothing is truncated, left out or lost."""

import asyncio
import random
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
from chatserver.interfaces import RECORD_KEY_BYTES, RECORD_SPACE_BYTES
from chatserver.roomlog.repeats import stored_sends
from chatserver.testing.samples import described, event, joined, posted

MANY = 1010  # more than a store may read or write at once
AT_ONCE = 100


async def together(calls: Sequence[Awaitable[object]]) -> None:
    """Await the calls, some at a time, as a server with many clients does."""
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
        sent = {("r", each.author.id, each.client_id): each for each in messages}
        assert await stored_sends(store, [*sent]) == sent
        again = posted("r", MANY + 1, client_id=messages[0].client_id)
        assert await store.append([again]) == Appended(0, Conflict.CLIENT_ID)

    async def test_many_replies(self, store: Store) -> None:
        """Many replies in one thread, and one reply in each of many."""
        numbers = range(1, MANY + 1)
        of_one = [posted("one", seq, thread="m") for seq in numbers]
        of_each = [posted("each", seq, thread=f"m{seq}") for seq in numbers]
        await appended(store, [*of_one, *of_each])
        assert await store.replies("one", "m", None, MANY) == of_one
        assert await store.threads({"one": ["m"]}, 2) == {("one", "m"): (MANY, of_one[-2:])}
        found = await store.threads({"each": [f"m{seq}" for seq in numbers]}, 1)
        assert found == {("each", each.thread): (1, [each]) for each in of_each}

    async def test_many_changes(self, store: Store) -> None:
        """Many changes of one message, and one change of each of many messages."""
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

    async def test_many_replaced_texts(self, store: Store) -> None:
        """The texts of each message, then of the first one."""
        half = MANY // 2
        log: list[Any] = [posted("r", seq) for seq in range(1, half + 1)]
        log += [
            event(MessageEdited, "r", half + seq, message=f"r-{seq}", body="b")
            for seq in range(1, half + 1)
        ]
        log += [
            event(MessageEdited, "r", MANY + seq, message="r-1", body="c")
            for seq in range(1, half + 1)
        ]
        await appended(store, log)
        (found,) = await store.shown([("r", 0)], 2 * MANY)
        shown = [each.seq for each in found if not getattr(each, "redacted", True)]
        assert shown == [*range(half + 2, MANY + 1), MANY + half]

    async def test_of_many_large_texts_the_newest(self, store: Store) -> None:
        edits: list[Any] = [
            event(MessageEdited, "r", seq, message=f"m{seq % 5}", body=f"{seq}" * 20_000)
            for seq in range(1, 101)
        ]
        await appended(store, edits)
        messages = {"r": [f"m{number}" for number in range(5)]}
        assert await store.changes(messages) == edits[-5:]
        (shown,) = await store.shown([("r", 0)], 100)
        assert shown[95:] == edits[95:]
        assert not any(getattr(each, "body", "") for each in shown[:95])
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

    async def test_keys_and_spaces_as_long_as_they_may_be(self, store: Store) -> None:
        """Uses incompressible bytes, and keys that differ in the last byte or the last character."""
        noise = random.Random(1)  # noqa: S311
        starts = [
            noise.randbytes(RECORD_KEY_BYTES // 2).hex()[:-1],
            "".join(chr(noise.randrange(0x4E00, 0x9FFF)) for _ in range(RECORD_KEY_BYTES // 3)),
        ]
        space = noise.randbytes(RECORD_SPACE_BYTES // 2).hex()
        for start in starts:
            keys = [start + end for end in "abc"]
            assert {len(key.encode()) for key in keys} == {RECORD_KEY_BYTES}
            for where in (f"{space}1", f"{space}2"):
                values = {key: (where[-1] + key[-1]).encode() for key in keys}
                for key, value in values.items():
                    assert await store.add(where, key, value)
                    assert not await store.add(where, key, b"another")
                    assert await store.get(where, key) == value
                assert await store.get_many(where, keys) == values
                assert await store.scan(where, start) == sorted(values.items())
                assert await store.scan(where, start, keys[0]) == sorted(values.items())[1:]
                assert await store.swap(where, keys[1], values[keys[1]], b"new")
                assert await store.delete(where, keys[2])
                assert await store.scan(where, start) == [
                    (keys[0], values[keys[0]]),
                    (keys[1], b"new"),
                ]
        assert await store.spaces() == [f"{space}1", f"{space}2"]

    async def test_a_very_large_body(self, store: Store) -> None:
        messages = [posted("r", 1, body="long " * 60_000), posted("r", 2, body="東" * 300_000)]
        await appended(store, messages)
        assert await store.read("r", 0, 9) == messages
