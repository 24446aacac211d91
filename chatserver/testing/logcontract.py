"""Contract of stores for appending to the log and reading it."""

import asyncio
from typing import Any

import msgspec
import pytest

from chatserver import (
    AnyEvent,
    Appended,
    Ban,
    Conflict,
    MemberChanged,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    PinAdded,
    PinRemoved,
    PluginEvent,
    ReactionAdded,
    ReactionRemoved,
    RoomKind,
    RoomRole,
    Store,
    UnknownEvent,
    UserRef,
)
from chatserver.roomlog.repeats import stored_sends
from chatserver.testing.samples import (
    ALIKE_TEXTS,
    AT,
    TRICKY_TEXTS,
    described,
    event,
    joined,
    posted,
    user,
)

# Values of every type of JSON, at the ends of what messages may carry.
DATA: dict[str, Any] = {
    "poll": {
        "options": ["Tea", "Coffee"],
        "votes": {"u1": 0},
        "none": None,
        "flags": [True, False, [], {}],
        "numbers": [0, -1, 2**63 - 1, 1 - 2**63, 0.5, -1e300],
    },
    "other.part": "text",
}


def one_of_each(room: str) -> list[AnyEvent]:
    """The log of a room with every kind of event."""
    return [
        described(room, 1, name=None, kind=RoomKind.DIRECT),
        joined(room, 2, "u2", RoomRole.OWNER),
        posted(room, 3, reply_to="m0", mentions=("u2", "u3")),
        event(MessageEdited, room, 4, message="m1", body="new", mentions=("u4",)),
        event(ReactionAdded, room, 5, message="m1", emoji="👍🏽"),
        event(ReactionRemoved, room, 6, message="m1", emoji="👍🏽"),
        event(PinAdded, room, 7, message="m1"),
        event(PinRemoved, room, 8, message="m1"),
        event(MessageDeleted, room, 9, message="m1"),
        event(MemberChanged, room, 10, user=user("u2"), role=RoomRole.ADMIN),
        event(MemberLeft, room, 11, user=user("u2"), ban=Ban(reason="spam", until=AT)),
        posted(room, 12),
        posted(room, 13, data=DATA, data_text="Tea"),
        event(MessageEdited, room, 14, message="m2", body="same", data=DATA, edited_at=AT),
        event(PluginEvent, room, 15, type="poll.closed", payload=DATA),
        event(PluginEvent, room, 16, type="poll.opened"),
        posted(room, 17, thread="m1"),
        posted(room, 18, thread="m1", broadcast=True, data=DATA),
    ]


class Voted(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="test.voted"):
    """A kind of event of a newer version, with the fields of changes of messages and members."""

    room: str
    seq: int
    at: str
    author: UserRef
    message: str
    user: UserRef
    choice: int


class LogContract:
    """A part of `StoreContract`."""

    async def test_every_kind_of_event_comes_back_as_it_was(self, store: Store) -> None:
        events = one_of_each("r")
        assert await store.append(events) == Appended(len(events))
        assert await store.read("r", 0, 100) == events

    async def test_what_a_newer_version_wrote_is_read_past(self, store: Store) -> None:
        log: list[Any] = [described("r", 1), joined("r", 2, "u2"), posted("r", 3)]
        voted: Any = event(Voted, "r", 4, message="r-3", user=user("u3"), choice=2)
        unknown = event(
            UnknownEvent,
            "r",
            4,
            unknown="test.voted",
            fields={"message": "r-3", "user": {"id": "u3", "name": user("u3").name}, "choice": 2},
        )
        assert await store.append([*log, voted, posted("r", 5)]) == Appended(5)
        found = await store.read("r", 0, 100)
        assert found[:3] + found[4:] == [*log, posted("r", 5)]
        assert found[3] in (unknown, voted), "an event kept only in memory is unchanged"
        assert [one.seq for one in (await store.ranges([("r", 2)], 100))[0]] == [3, 4, 5]
        assert await store.changes({"r": ["r-3"]}) == []
        assert await store.members(["r"]) == [log[1]]
        assert await store.memberships("u3") == []
        kept = event(UnknownEvent, "r", 6, unknown="test.voted", fields={"choice": 2})
        assert await store.append([kept]) == Appended(1), "appended as read from a backup"
        assert await store.read("r", 5, 100) == [kept]

    async def test_an_empty_batch_is_stored(self, store: Store) -> None:
        assert await store.append([]) == Appended(0)

    async def test_a_taken_position_stops_the_batch(self, store: Store) -> None:
        await store.append([posted("b", 1, client_id="first")])
        batch = [posted("a", 1), posted("b", 1), posted("c", 1)]
        assert await store.append(batch) == Appended(1, Conflict.POSITION)
        assert await store.heads(["a", "b", "c"]) == {"a": 1, "b": 1}
        assert await store.read("b", 0, 9) == [posted("b", 1, client_id="first")]

    async def test_the_first_event_may_stop_the_batch(self, store: Store) -> None:
        await store.append([described("a", 1)])
        batch = [described("a", 1), described("b", 1)]
        assert await store.append(batch) == Appended(0, Conflict.POSITION)
        assert await store.heads(["b"]) == {}

    async def test_client_ids_belong_to_their_author(self, store: Store) -> None:
        batch = [posted("a", 1, "u1", client_id="x"), posted("a", 2, "u2", client_id="x")]
        assert await store.append(batch) == Appended(2)

    async def test_only_messages_have_client_ids(self, store: Store) -> None:
        descriptions = [described("a", 1), described("a", 2)]
        members = [joined("a", 3, "u1"), joined("a", 4, "u1")]
        assert await store.append([*descriptions, *members]) == Appended(4)

    async def test_a_batch_over_many_rooms_keeps_each_in_order(self, store: Store) -> None:
        batch = [posted(f"r{room}", seq) for seq in range(1, 6) for room in range(20)]
        assert await store.append(batch) == Appended(100)
        for room in range(20):
            assert [event.seq for event in await store.read(f"r{room}", 0, 9)] == [1, 2, 3, 4, 5]

    async def test_rooms_are_apart(self, store: Store) -> None:
        await store.append([posted("r", 1), posted("r2", 1), posted("R", 1), posted("r ", 1)])
        assert await store.read("r", 0, 9) == [posted("r", 1)]
        assert await store.read("none", 0, 9) == []

    async def test_reading_in_pages(self, store: Store) -> None:
        events = [posted("r", seq) for seq in range(1, 251)]
        await store.append(events)
        assert await store.read("r", 0, 100) == events[:100]
        assert await store.read("r", 100, 125) == events[100:225]
        assert await store.read("r", 225, 100) == events[225:]
        assert await store.read("r", 250, 100) == []
        assert await store.read("r", 0, 0) == []

    async def test_heads_of_some_rooms(self, store: Store) -> None:
        await store.append([posted(f"r{room}", seq) for room in range(3) for seq in (1, 2)])
        await store.append([posted("r1", 3)])
        assert await store.heads(["r0", "r1", "none"]) == {"r0": 2, "r1": 3}
        assert await store.heads([]) == {}

    async def test_large_bodies(self, store: Store) -> None:
        batch = [posted("r", seq, body="\U0001f600" * 16_384) for seq in range(1, 301)]
        assert await store.append(batch) == Appended(300)
        assert await store.read("r", 0, 300) == batch

    async def test_a_conflict_in_a_batch_of_large_bodies(self, store: Store) -> None:
        await store.append([posted("a", 1), posted("b", 1)])
        batch = [posted("r", seq, body="x" * 65_536) for seq in range(1, 500)]
        batch[400] = posted("a", 1, client_id="late", body="x" * 65_536)
        assert await store.append(batch) == Appended(400, Conflict.POSITION)
        batch[100] = posted("b", 1, client_id="early", body="x" * 65_536)
        moved = [posted("s", seq, body=item.body) for seq, item in enumerate(batch[:100], 1)]
        assert await store.append(moved + batch[100:]) == Appended(100, Conflict.POSITION)

    @pytest.mark.parametrize("text", TRICKY_TEXTS, ids=ascii)
    async def test_any_text_in_any_field(self, store: Store, text: str) -> None:
        author = UserRef(id=text, name=text, bot=True)
        message = posted(
            text, 2, text, id=text, body=text, client_id=text, reply_to=text,
            mentions=(text,), at=text, data=_data_with(text), data_text=text,
        )  # fmt: skip
        events: list[AnyEvent] = [
            event(MemberChanged, text, 1, user=author, role=RoomRole.ADMIN),
            message,
            event(ReactionAdded, text, 3, message=text, emoji=text, author=author),
            event(MessageEdited, text, 4, message=text, body=text, mentions=(text,)),
            described(text, 5, name=text),
        ]
        assert await store.append(events) == Appended(5)
        assert await store.append([message]) in (
            Appended(0, Conflict.POSITION),
            Appended(0, Conflict.CLIENT_ID),
        )
        assert await store.read(text, 0, 9) == events
        assert await store.heads([text]) == {text: 5}
        assert await store.messages(text, None, 9) == [message]
        assert await store.changes({text: [text]}) == events[2:4]
        sent = (text, text, text)
        assert await stored_sends(store, [sent]) == {sent: message}
        assert await store.members([text]) == events[:1]
        assert await store.memberships(text) == events[:1]
        assert await store.rooms([text]) == {text: events[4]}
        assert await store.unread("another", {text: 0}) == {text: (1, 0)}
        assert await store.unread(text, {text: 0}) == {}

    async def test_texts_that_look_alike_are_apart(self, store: Store) -> None:
        batch = [posted(room, 1, room, client_id="same") for room in TRICKY_TEXTS]
        assert await store.append(batch) == Appended(len(batch))
        assert await store.heads(TRICKY_TEXTS) == dict.fromkeys(TRICKY_TEXTS, 1)

    async def test_rooms_and_users_that_look_alike_are_apart(self, store: Store) -> None:
        members = [joined(text, 1, text) for text in ALIKE_TEXTS]
        messages = [posted(text, 2, text, client_id="same") for text in ALIKE_TEXTS]
        assert await store.append([*members, *messages]) == Appended(2 * len(ALIKE_TEXTS))
        by_client_id = [posted("r", n, "u", client_id=t) for n, t in enumerate(ALIKE_TEXTS, 1)]
        assert await store.append(by_client_id) == Appended(len(by_client_id))
        for text, member, message in zip(ALIKE_TEXTS, members, messages, strict=True):
            assert await store.read(text, 0, 9) == [member, message]
            assert await store.memberships(text) == [member]
            sent = (text, text, "same")
            assert await stored_sends(store, [sent]) == {sent: message}
        assert await store.list_rooms("", 99) == sorted([*ALIKE_TEXTS, "r"])
        assert await store.heads(["AA", "R"]) == {}
        assert await store.read("AA", 0, 9) == await store.memberships("AA") == []
        for seq, text in enumerate(ALIKE_TEXTS, 1):
            assert await store.append([posted("s", seq, "v", client_id=text)]) == Appended(1)
        found = await stored_sends(store, [("r", "u", text) for text in ALIKE_TEXTS])
        assert [found["r", "u", text].seq for text in ALIKE_TEXTS] == [
            *range(1, len(ALIKE_TEXTS) + 1)
        ]

    async def test_racing_nodes_leave_no_hole(self, store: Store, other: Store) -> None:
        nodes = [store, other] * 3
        await asyncio.gather(*(write(node, f"u{n}", 20) for n, node in enumerate(nodes)))
        events = await store.read("r", 0, 1000)
        assert [event.seq for event in events] == list(range(1, 121))
        for n in range(6):
            bodies = [item.body for item in events if item.author.id == f"u{n}"]  # type: ignore[union-attr]
            assert bodies == [str(number) for number in range(20)]

    async def test_a_reader_sees_no_event_before_those_that_come_before_it(
        self, store: Store, other: Store
    ) -> None:
        """This holds within a room, and within a batch over several rooms, during the write."""
        count, size, rooms = 40, 60, ("r", "s", "t")
        stands = asyncio.Event()

        async def write_all() -> None:
            for number in range(count):
                seqs = range(number * size + 1, (number + 1) * size + 1)
                batch = [posted(room, seq) for seq in seqs for room in rooms]
                assert await store.append(batch) == Appended(len(batch))
            stands.set()

        async def look() -> None:
            while not stands.is_set():
                later = await other.heads(rooms[::-1])
                seen = [(await other.heads([room])).get(room, 0) for room in rooms]
                assert seen[0] >= later.get("s", 0) and seen[1] >= later.get("t", 0)
                after = max(0, seen[0] - 2 * size)
                found = [each.seq for each in await other.read("r", after, 3 * size)]
                assert found == list(range(after + 1, after + len(found) + 1)), "there is a gap"
                await asyncio.sleep(0)  # a store in memory never yields to other tasks

        async with asyncio.TaskGroup() as group:
            for work in (write_all(), look(), look()):
                group.create_task(work)


def _data_with(text: str) -> dict[str, Any]:
    """Data with the text as a value, and, as far as keys of data may have it, in a key."""
    return {"any": {"k" + text.replace("\0", ""): [text, {"deeper": text}]}}


async def write(store: Store, author: str, count: int) -> None:
    """Post in batches, as a node does: after a conflict read the head and number the events anew."""
    sent, head = 0, 0
    while sent < count:
        numbers = range(sent, min(sent + 3, count))
        batch = [
            posted("r", head + n, author, body=str(number), client_id=f"{author}-{number}")
            for n, number in enumerate(numbers, 1)
        ]
        result = await store.append(batch)
        assert result.conflict is not Conflict.CLIENT_ID
        sent += result.stored
        head += result.stored
        if result.conflict:
            head = (await store.heads(["r"]))["r"]
