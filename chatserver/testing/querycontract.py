"""Contract of stores for messages, rooms, members and unread counts."""

from typing import Any

from chatserver import (
    EVERYBODY,
    AnyEvent,
    MemberChanged,
    MemberEvent,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
    Replies,
    RoomKind,
    RoomRole,
    Store,
    Unread,
    redacted,
)
from chatserver.testing.samples import (
    ALIKE_TEXTS,
    TRICKY_TEXTS,
    described,
    event,
    joined,
    posted,
    user,
)


def by_seq(events: list[MemberEvent]) -> list[MemberEvent]:
    """Events by room and seq."""
    return sorted(events, key=lambda event: (event.room, event.seq))


def _without_text(event: AnyEvent) -> AnyEvent:
    """The event that is shown after its text was replaced."""
    assert isinstance(event, MessagePosted | MessageEdited)
    return type(event)(**_kept(event), body="", redacted=True)


def _kept(event: MessagePosted | MessageEdited) -> dict[str, Any]:
    """The fields that stay when the content goes."""
    gone = ("body", "mentions", "data", "data_text", "redacted")
    names = (name for name in event.__struct_fields__ if name not in gone)
    return {name: getattr(event, name) for name in names}


class QueryContract:
    """A part of `StoreContract`."""

    async def test_newest_messages_in_pages(self, store: Store) -> None:
        events: list[AnyEvent] = [described("r", 1)]
        for seq in range(2, 302, 2):
            events += [posted("r", seq), event(PinAdded, "r", seq + 1, message=f"r-{seq}")]
        await store.append(events)
        messages = events[1::2]
        assert await store.messages("r", None, 50) == messages[-50:]
        assert await store.messages("r", 202, 50) == messages[50:100]
        assert await store.messages("r", 203, 1) == messages[100:101]
        assert await store.messages("r", 10, 50) == messages[:4]
        assert await store.messages("r", 1, 50) == []
        assert await store.messages("r", 0, 50) == []
        assert await store.messages("none", None, 50) == []
        assert await store.messages("r", None, 0) == []
        assert await store.messages("r", None, 1000) == messages

    async def test_messages_at_some_positions(self, store: Store) -> None:
        first: list[AnyEvent] = [described("r", 1), posted("r", 2), posted("r", 3)]
        second: list[AnyEvent] = [posted("other", 1), event(PinAdded, "other", 2, message="r-2")]
        await store.append(first + second)
        wanted = [("r", 3), ("r", 1), ("other", 1), ("other", 2), ("r", 4), ("none", 1), ("r", 3)]
        found = await store.posted(wanted)
        assert sorted(found, key=lambda event: event.room) == [second[0], first[2]]
        assert await store.posted([("r", 0), ("r", 1), ("r", -1)]) == []
        assert await store.posted([]) == []

    async def test_changes_of_some_messages(self, store: Store) -> None:
        events: list[AnyEvent] = [
            posted("r", 1, id="m1"),
            posted("r", 2, id="m2"),
            event(ReactionAdded, "r", 3, message="m2", emoji="a"),
            event(MessageEdited, "r", 4, message="m1", body="b"),
            event(MessageDeleted, "r", 5, message="m2"),
            event(MessageEdited, "r", 6, message="m3", body="c"),
        ]
        await store.append(events)
        await store.append([event(MessageEdited, "other", 1, message="m1", body="d")])
        assert await store.changes({"r": ["m2", "m1", "none"]}) == events[2:5]
        assert await store.changes({"r": ["m3"]}) == events[5:]
        assert await store.changes({"r": []}) == []
        assert await store.changes({}) == []

    async def test_of_changes_those_that_count(self, store: Store) -> None:
        def of(kind: Any, seq: int, author: str = "u1", **fields: Any) -> AnyEvent:
            changed: AnyEvent = event(kind, "r", seq, author=user(author), message="m", **fields)
            return changed

        events = [
            of(MessageEdited, 1, body="b1"),
            of(ReactionAdded, 2, "u1", emoji="a"),
            of(ReactionAdded, 3, "u2", emoji="a"),
            of(ReactionAdded, 4, "u1", emoji="b"),
            of(PinAdded, 5),
            of(MessageEdited, 6, body="b2"),
            of(ReactionRemoved, 7, "u1", emoji="a"),
            of(PinRemoved, 8),
            of(ReactionAdded, 9, "u1", emoji="a"),
            of(PinAdded, 10, "u2"),
            of(ReactionRemoved, 11, "u1", emoji="b"),
            of(MessageDeleted, 12),
            of(MessageDeleted, 13, "u2"),
            of(MessageEdited, 14, body="b3"),
            of(PinRemoved, 15),
        ]
        counted: tuple[list[int], ...] = (
            [],
            [1],
            [1, 2],
            [1, 2, 3],
            [1, 2, 3, 4],
            [1, 2, 3, 4, 5],
            [2, 3, 4, 5, 6],
        )
        later = ([3, 4, 5, 6], [3, 4, 6], [3, 4, 6, 9], [3, 4, 6, 9, 10], [3, 6, 9, 10])
        last = ([3, 6, 9, 10, 12], [3, 6, 9, 10, 13], [3, 9, 10, 13, 14], [3, 9, 13, 14])
        for number, expected in enumerate((*counted, *later, *last)):
            await store.append(events[number - 1 : number] if number else [])
            found = await store.changes({"r": ["m"]})
            assert found == [events[seq - 1] for seq in expected], number

    async def test_replaced_texts_are_not_shown(self, store: Store) -> None:
        def edited(seq: int, message: str, room: str = "r-1") -> AnyEvent:
            fields = {"body": "b", "mentions": ("u2",), "data": {"poll": {"votes": seq}}}
            return event(MessageEdited, room, seq, message=message, **fields)

        log: list[AnyEvent] = [
            described("r-1", 1),
            posted("r-1", 2),
            posted("r-1", 3, mentions=("u1",), data={"poll": "secret"}, data_text="secret"),
            edited(4, "r-1-3"),
            event(PinAdded, "r-1", 5, message="r-1-2"),
            edited(6, "r-1-3"),
            posted("r-1", 7),
            edited(8, "r-1-7"),
            event(MessageDeleted, "r-1", 9, message="r-1-7"),
            edited(10, "r-1-7"),
            posted("r-1", 11),
            event(ReactionAdded, "r-1", 12, message="r-1-11", emoji="a"),
            posted("r-1", 13, data={"poll": "secret"}),
            event(MessageDeleted, "r-1", 14, message="r-1-13"),
            event(MessageDeleted, "r-1", 15, message="r-1-13"),
            edited(16, "r-1-3"),
        ]
        other: list[AnyEvent] = [posted("r", 1), posted("r", 2), edited(3, "r-2", "r")]
        await store.append([*log, *other])
        redacted = {"r-1": {3, 4, 6, 7, 8, 10, 13}, "r": {2}}
        expected = {
            room: [_without_text(each) if each.seq in redacted[room] else each for each in events]
            for room, events in (("r-1", log), ("r", other))
        }
        for limit in (0, 1, 2, 3, 100):
            for after in range(-1, 18):
                rest = expected["r-1"][max(after, 0) :][:limit]
                assert await store.shown([("r-1", after)], limit) == [rest], (after, limit)
                several = [("r", 0), ("none", 0), ("r-1", after), ("r", 1), ("r-1", 0)]
                assert await store.shown(several, limit) == [
                    expected["r"][:limit],
                    [],
                    rest,
                    expected["r"][1:][:limit],
                    expected["r-1"][:limit],
                ], (after, limit)
        assert await store.shown([], 3) == []
        assert await store.shown([("none", 0)], 3) == [[]]

    async def test_a_text_is_not_shown_once_another_node_has_replaced_it(
        self, store: Store, other: Store
    ) -> None:
        messages = [posted("r", seq) for seq in (1, 2, 3)]
        gone = [_without_text(message) for message in messages]
        await store.append(messages)
        assert await other.shown([("r", 0)], 3) == [messages]
        await store.append([event(MessageEdited, "r", 4, message="r-3", body="b")])
        assert await other.shown([("r", 0)], 3) == [[*messages[:2], gone[2]]]
        await store.append([event(MessageDeleted, "r", 5, message="r-1")])
        assert await other.shown([("r", 0)], 3) == [[gone[0], messages[1], gone[2]]]

    async def test_replaced_texts_are_not_shown_in_a_room_of_any_name(self, store: Store) -> None:
        rooms = [*dict.fromkeys((*TRICKY_TEXTS, *ALIKE_TEXTS, "1", "1-1", "-", "r-99"))]
        logs: dict[str, list[AnyEvent]] = {
            room: [
                posted(room, 1),
                posted(room, 2),
                event(MessageEdited, room, 3, message=f"{room}-{number % 2 + 1}", body="b"),
            ]
            for number, room in enumerate(rooms)
        }
        await store.append([each for log in logs.values() for each in log])
        for number, log in enumerate(logs.values()):
            log[number % 2] = _without_text(log[number % 2])
        assert await store.shown([(room, 0) for room in rooms], 9) == [*logs.values()]
        for room, log in logs.items():
            assert await store.shown([(room, 0)], 9) == [log], room

    async def test_how_often_a_message_was_changed(self, store: Store) -> None:
        assert await store.tally("r", "m", "u1") == (0, 0, 0)
        events: list[Any] = [posted("r", 1, id="m"), posted("r", 2, id="n")]
        kinds = (ReactionAdded, ReactionRemoved)
        for seq in range(3, 13):
            fields = {"message": "m", "emoji": "a", "author": user(f"u{seq % 3}")}
            react: Any = event(kinds[seq % 2], "r", seq, **fields)
            events.append(react)
        events += [
            event(PinAdded, "r", 13, message="m", author=user("u2")),
            event(PinRemoved, "r", 14, message="m"),
            event(MessageEdited, "r", 15, message="m", body="b"),
            event(MessageEdited, "r", 16, message="m", body="c"),
            event(MessageEdited, "r", 17, message="n", body="d"),
            event(MessageDeleted, "r", 18, message="m"),
        ]
        await store.append(events)
        await store.append([event(PinAdded, "other", 1, message="m")])
        assert await store.tally("r", "m", "u1") == (2, 12, 4)
        assert await store.tally("r", "m", "u2") == (2, 12, 4)
        assert await store.tally("r", "m", "u9") == (2, 12, 0)
        assert await store.tally("r", "n", "u1") == (1, 0, 0)
        assert await store.tally("none", "m", "u1") == (0, 0, 0)

    async def test_changes_of_messages_of_several_rooms(self, store: Store) -> None:
        for room in ("a", "b", "c"):
            events: list[AnyEvent] = [posted(room, 1)]
            events += [
                event(ReactionAdded, room, seq, message=f"{room}-1", emoji=str(seq))
                for seq in range(2, 5)
            ]
            await store.append(events)
        found = await store.changes({"c": ["c-1"], "a": ["a-1", "b-1"], "none": ["n"], "b": []})
        assert [change.seq for change in found if change.room == "a"] == [2, 3, 4]
        assert [change.seq for change in found if change.room == "c"] == [2, 3, 4]
        assert len(found) == 6

    async def test_replies_in_threads(self, store: Store) -> None:
        replies = [posted("r", seq, f"u{seq}", thread="r-1") for seq in range(2, 9)]
        replies[3] = posted("r", 5, "u5", thread="r-1", broadcast=True, mentions=("u9",))
        await store.append([posted("r", 1), *replies])
        beside, other = posted("r", 9, reply_to="r-1"), posted("r", 10, thread="r-9")
        elsewhere = posted("q", 1, thread="r-1")
        others: list[AnyEvent] = [
            event(ReactionAdded, "r", 11, message="r-1", emoji="👍"),
            event(MessageDeleted, "r", 12, message="r-3"),
            event(MessageEdited, "r", 13, message="r-4", body="other"),
        ]
        await store.append([beside, other, *others, elsewhere])
        assert await store.replies("r", "r-1", None, 50) == replies
        assert await store.replies("r", "r-1", None, 2) == replies[-2:]
        assert await store.replies("r", "r-1", 5, 2) == replies[1:3]
        assert await store.replies("r", "r-1", 2, 2) == []
        assert await store.replies("r", "r-1", None, 0) == []
        assert await store.replies("r", "r-9", None, 50) == [other]
        assert await store.replies("q", "r-1", None, 50) == [elsewhere]
        for room, message in (("r", "r-2"), ("none", "r-1"), ("q", "r-9")):
            assert await store.replies(room, message, None, 50) == []

        wanted = {"r": ["r-1", "r-2", "r-9", "r-1"], "q": ["r-1", "r-9"], "none": ["r-1"]}
        assert await store.threads(wanted, 3) == {
            ("r", "r-1"): Replies(7, replies[-3:]),
            ("r", "r-9"): Replies(1, [other]),
            ("q", "r-1"): Replies(1, [elsewhere]),
        }
        assert await store.threads({"r": ["r-1"]}, 0) == {("r", "r-1"): Replies(7, [])}
        assert await store.threads({"r": ["r-2"], "none": []}, 3) == {}
        assert await store.threads({}, 3) == {}

        assert await store.messages("r", None, 50) == [posted("r", 1), *replies, beside, other]
        assert [each.seq for each in await store.changes({"r": ["r-1"]})] == [11]
        assert await store.tally("r", "r-1", "u1") == (0, 1, 1)

    async def test_texts_of_replies_are_edited_and_removed(self, store: Store) -> None:
        reply = posted("r", 2, thread="r-1", broadcast=True)
        await store.append(
            [posted("r", 1), reply, event(MessageEdited, "r", 3, message="r-2", body="other")]
        )
        assert await store.texts("r", "r-1") == [1]
        assert await store.texts("r", "r-2") == [2, 3]
        shown = (await store.shown([("r", 0)], 9))[0]
        assert [getattr(each, "redacted", False) for each in shown] == [False, True, False]
        await store.redact("r", [2])
        assert await store.replies("r", "r-1", None, 9) == [redacted(reply)]
        await store.clear("r", [1, 2, 3])
        assert (await store.threads({"r": ["r-1"]}, 1))["r", "r-1"] == (1, [redacted(reply)])
        assert await store.unread("u2", {"r": 0}) == {"r": Unread(2, 0)}

    async def test_replies_in_threads_of_any_name(self, store: Store) -> None:
        texts = [*TRICKY_TEXTS, *ALIKE_TEXTS]
        replies = [posted("r", seq, thread=text) for seq, text in enumerate(texts, 1)]
        await store.append(replies)
        expected = {
            ("r", text): Replies(1, [each]) for text, each in zip(texts, replies, strict=True)
        }
        assert await store.threads({"r": texts}, 1) == expected
        for text, reply in zip(texts, replies, strict=True):
            assert await store.replies("r", text, None, 9) == [reply]

    async def test_pages_of_several_rooms(self, store: Store) -> None:
        logs: dict[str, list[AnyEvent]] = {
            room: [described(room, 1), *(posted(room, seq) for seq in range(2, size + 2))]
            for room, size in (("a", 10), ("b", 1), ("c", 30))
        }
        for log in logs.values():
            await store.append(log)
        wanted = [("c", None), ("a", 5), ("none", None), ("b", None), ("a", None), ("b", 2)]
        found = await store.pages(wanted, 4)
        assert found == [logs["c"][-4:], logs["a"][1:4], [], logs["b"][1:], logs["a"][-4:], []]
        many = [(room, None) for room in logs] * 40
        assert await store.pages(many, 1) == [log[-1:] for log in logs.values()] * 40
        assert await store.pages([], 4) == []
        parts = await store.ranges([("c", 0), ("a", 5), ("none", 0), ("b", 9), ("a", 9)], 3)
        assert parts == [logs["c"][:3], logs["a"][5:8], [], [], logs["a"][9:]]
        assert (
            await store.ranges([(room, 0) for room in logs] * 40, 1)
            == [log[:1] for log in logs.values()] * 40
        )
        assert await store.ranges([], 3) == []
        assert await store.ranges([("a", 0)], 0) == [[]]
        assert await store.pages([("a", None)], 0) == [[]]

    async def test_newest_descriptions_of_rooms(self, store: Store) -> None:
        await store.append([posted("empty", 1), described("a", 1)])
        await store.append([described("r", 1), posted("r", 2), described("r", 3, name="New")])
        await store.append([posted("r", 4)])
        found = await store.rooms(["r", "none", "empty", "a"])
        assert found == {"r": described("r", 3, name="New"), "a": described("a", 1)}
        assert await store.rooms(["none"]) == {}
        assert await store.rooms([]) == {}

    async def test_public_rooms_in_pages(self, store: Store) -> None:
        rooms = [f"r{n:02}" for n in range(20)]
        await store.append([described(room, 1) for room in reversed(rooms)])
        found = await store.public_rooms("", 8)
        assert found == [described(room, 1) for room in rooms[:8]]
        assert await store.public_rooms(found[-1].room, 8) == [
            described(room, 1) for room in rooms[8:16]
        ]
        assert await store.public_rooms("r15", 8) == [described(room, 1) for room in rooms[16:]]
        assert await store.public_rooms("r19", 8) == []
        assert await store.public_rooms("", 0) == []

    async def test_only_rooms_that_are_public_now(self, store: Store) -> None:
        private, public = RoomKind.PRIVATE, RoomKind.PUBLIC
        await store.append(
            [
                *(described(f"a{n}", 1, RoomKind.DIRECT, None) for n in range(5)),
                described("closed", 1, public),
                described("closed", 2, private),
                described("opened", 1, private),
                described("opened", 2, public),
                *(described("reclosed", seq, kind)
                  for seq, kind in ((1, private), (2, public), (3, private))),
                *(described("reopened", seq, kind)
                  for seq, kind in ((1, public), (2, private), (3, public))),
                *(described("renamed", seq, public, f"name {seq}") for seq in range(1, 10)),
                described("secret", 1, private),
                *(described(f"was{n}", seq, kind) for n in range(9)
                  for seq, kind in ((1, public), (2, private))),
                described("zoo", 1, public),
            ]
        )  # fmt: skip
        expected = [
            described("opened", 2),
            described("renamed", 9, name="name 9"),
            described("reopened", 3),
            described("zoo", 1),
        ]
        assert await store.public_rooms("", 100) == expected
        for limit in (1, 2, 3):
            assert await store.public_rooms("", limit) == expected[:limit]
        assert await store.public_rooms("opened", 100) == expected[1:]

    async def test_public_rooms_are_sorted_by_code_point(self, store: Store) -> None:
        await store.append([described(room, 1) for room in TRICKY_TEXTS])
        found = [room.room for room in await store.public_rooms("", 100)]
        assert found == sorted(TRICKY_TEXTS)

    async def test_all_rooms_in_pages(self, store: Store) -> None:
        rooms = [f"r{n:02}" for n in range(20)]
        kinds = (RoomKind.PUBLIC, RoomKind.PRIVATE, RoomKind.DIRECT)
        for n, room in enumerate(reversed(rooms)):
            events: list[AnyEvent] = [described(room, 1, kinds[n % 3])]
            events += [posted(room, seq) for seq in range(2, 9)]
            await store.append(events)
        await store.put("s", "no room", b"")
        assert await store.list_rooms("", 100) == rooms
        assert await store.list_rooms("", 8) == rooms[:8]
        assert await store.list_rooms("r07", 8) == rooms[8:16]
        assert await store.list_rooms("r15x", 8) == rooms[16:]
        assert await store.list_rooms("r19", 8) == []
        assert await store.list_rooms("", 0) == []

    async def test_a_room_whose_first_event_was_refused_is_not_listed(self, store: Store) -> None:
        assert await store.list_rooms("", 100) == []
        await store.append([posted("a", 1, client_id="same")])
        await store.append([posted("a", 2, client_id="same"), posted("b", 1)])
        assert await store.list_rooms("", 100) == ["a"]

    async def test_all_rooms_are_sorted_by_code_point(self, store: Store) -> None:
        await store.append([posted(room, 1) for room in TRICKY_TEXTS])
        assert await store.list_rooms("", 100) == sorted(TRICKY_TEXTS)

    async def test_members_of_a_room(self, store: Store) -> None:
        await store.append(
            [
                described("r", 1),
                joined("r", 2, "u1"),
                joined("r", 3, "u2"),
                posted("r", 4),
                event(MemberLeft, "r", 5, user=user("u1")),
                event(MemberChanged, "r", 6, user=user("u2"), role=RoomRole.ADMIN),
                joined("r", 7, "u3"),
                joined("other", 1, "u1"),
            ]
        )
        assert by_seq(await store.members(["r"])) == [
            event(MemberLeft, "r", 5, user=user("u1")),
            event(MemberChanged, "r", 6, user=user("u2"), role=RoomRole.ADMIN),
            joined("r", 7, "u3"),
        ]
        assert await store.members(["none"]) == []

    async def test_members_of_a_room_page_by_page(self, store: Store) -> None:
        """For stores that can."""
        members_after = getattr(store, "members_after", None)
        if members_after is None:
            return
        came = [joined("r", seq, f"u{9 - seq}") for seq in range(2, 7)]
        left = [event(MemberLeft, "r", seq, user=user("u4")) for seq in (7, 9, 11)]
        back = [joined("r", seq, "u4") for seq in (8, 10)]
        later: list[AnyEvent] = sorted([*left, *back], key=lambda each: each.seq)
        log: list[AnyEvent] = [described("r", 1), *came, *later]
        await store.append([*log, joined("other", 1, "u5"), posted("other", 2, "u6")])
        newest: list[MemberEvent] = [came[4], left[-1], came[2], came[1], came[0]]
        assert [each.user.id for each in newest] == ["u3", "u4", "u5", "u6", "u7"]
        assert await members_after("r", "", 10) == newest
        assert await members_after("r", "", 2) == newest[:2]
        assert await members_after("r", "u4", 2) == newest[2:4]
        assert await members_after("r", "u41", 1) == newest[2:3]
        assert await members_after("r", "u7", 1) == []
        assert await members_after("r", "", 0) == []
        assert await members_after("none", "", 10) == []

    async def test_rooms_of_a_user(self, store: Store) -> None:
        await store.append([joined("a", 1, "u1"), joined("a", 2, "u2"), joined("b", 1, "u1")])
        await store.append([event(MemberLeft, "b", 2, user=user("u1"))])
        await store.append([posted("c", 1, "u1")])
        assert by_seq(await store.memberships("u1")) == [
            joined("a", 1, "u1"),
            event(MemberLeft, "b", 2, user=user("u1")),
        ]
        assert await store.memberships("u2") == [joined("a", 2, "u2")]
        assert await store.memberships("none") == []

    async def test_a_user_of_many_rooms(self, store: Store) -> None:
        events = [joined(f"r{n:03}", 1, "u1") for n in range(300)]
        await store.append(events)
        assert by_seq(await store.memberships("u1")) == events

    async def test_unread_messages(self, store: Store) -> None:
        await store.append(
            [
                posted("a", 1, "u2"),
                posted("a", 2, "u2", mentions=("u1", "u3")),
                posted("a", 3, "u1"),
                posted("a", 4, "u2", mentions=("u1",)),
                event(PinAdded, "a", 5, message="a-1"),
                posted("b", 1, "u2"),
                posted("c", 1, "u1"),
                posted("d", 1, "u2"),
            ]
        )
        after = {"a": 0, "b": 1, "c": 0, "none": 0}
        assert await store.unread("u1", after) == {"a": Unread(3, 2)}
        assert await store.unread("u1", {"a": 2}) == {"a": Unread(1, 1)}
        assert await store.unread("u3", {"a": 1, "d": 0}) == {"a": Unread(3, 1), "d": Unread(1, 0)}
        assert await store.unread("u1", {}) == {}

    async def test_replies_that_are_in_a_thread_alone_do_not_count_as_unread(
        self, store: Store
    ) -> None:
        await store.append(
            [
                posted("a", 1, "u2"),
                posted("a", 2, "u2", thread="a-1", mentions=("u1",)),
                posted("a", 3, "u2", thread="a-1", broadcast=True, mentions=("u1", "u3")),
                posted("a", 4, "u2", thread="a-1", body='"broadcast":true'),
                posted("b", 1, "u2", thread="a-1", mentions=("u1",)),
            ]
        )
        assert await store.unread("u1", {"a": 0, "b": 0}) == {"a": Unread(2, 1)}
        assert await store.unread("u1", {"a": 3}) == {}

    async def test_a_message_may_mention_everybody(self, store: Store) -> None:
        await store.append(
            [
                posted("r", 1, "u1", mentions=("u1", EVERYBODY)),
                posted("r", 2, "u1", mentions=(EVERYBODY, "u2")),
                posted("r", 3, "u1", mentions=("u3",)),
                posted("r", 4, "u1", mentions=("@rooms", "room")),
            ]
        )
        assert await store.unread("u2", {"r": 0}) == {"r": Unread(4, 2)}
        assert await store.unread("new", {"r": 1}) == {"r": Unread(3, 1)}
        assert await store.unread("u3", {"r": 0}) == {"r": Unread(4, 3)}

    async def test_who_is_mentioned_is_taken_literally(self, store: Store) -> None:
        users = list(TRICKY_TEXTS)
        await store.append(
            [posted("r", seq, "u1", mentions=(name,)) for seq, name in enumerate(users, 1)]
        )
        for name in users:
            assert await store.unread(name, {"r": 0}) == {"r": Unread(len(users), 1)}

    async def test_unread_messages_of_many_rooms(self, store: Store) -> None:
        await store.append([posted(f"r{n}", seq, "u2") for n in range(300) for seq in (1, 2)])
        after = {f"r{n}": n % 3 for n in range(300)}
        assert await store.unread("u1", after) == {
            f"r{n}": Unread(2 - n % 3, 0) for n in range(300) if n % 3 < 2
        }
