"""Contract of stores for removing texts from the log."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from chatserver import (
    AnyEvent,
    Appended,
    Ban,
    Conflict,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    PinAdded,
    PluginEvent,
    ReactionAdded,
    Store,
    UserRef,
    cleared,
    redacted,
    removed,
)
from chatserver.roomlog.repeats import stored_sends
from chatserver.testing.samples import AT, TRICKY_TEXTS, described, event, joined, posted


def talk(room: str) -> list[AnyEvent]:
    """A log in which one message was edited twice and deleted, beside others."""
    first = f"{room}-3"
    return [
        described(room, 1),
        joined(room, 2, "u2"),
        posted(
            room,
            3,
            body="first",
            mentions=("u2", "u3"),
            reply_to=f"{room}-2",
            data={"poll": {"question": "first"}},
            data_text="first",
        ),
        posted(room, 4, body="other", mentions=("u2",)),
        event(
            MessageEdited, room, 5, message=first, body="second", mentions=("u4",), data={"poll": 2}
        ),
        event(ReactionAdded, room, 6, message=first, emoji="👍"),
        event(MessageEdited, room, 7, message=f"{room}-4", body="another"),
        event(MessageEdited, room, 8, message=first, body="third"),
        event(PinAdded, room, 9, message=first),
        event(MessageDeleted, room, 10, message=first),
    ]


def eventful(room: str) -> list[AnyEvent]:
    """A log with an event of each kind that has contents, and of others."""
    user = UserRef("u2", "Ben")
    return [
        *talk(room),
        event(MemberLeft, room, 11, user=user, ban=Ban(reason="spam", until=AT)),
        event(PluginEvent, room, 12, type="poll.closed", payload={"question": "Tea?"}),
        described(
            room, 13, name="Tea", topic="Tea, and nothing else", description="How to make it"
        ),
        event(PinAdded, room, 14, message=f"{room}-4"),
    ]


def without_texts(log: list[AnyEvent], *seqs: int) -> list[AnyEvent]:
    found: list[Any] = [redacted(each) if each.seq in seqs else each for each in log]  # type: ignore[type-var]
    return found


def renamed(each: AnyEvent) -> AnyEvent:
    """The event by an author of another name."""
    return msgspec.structs.replace(each, author=UserRef(each.author.id, "Nobody"))


class RedactionContract:
    """A part of `StoreContract`."""

    async def test_all_texts_of_a_message_are_found(self, store: Store) -> None:
        await store.append([*talk("r"), *talk("q")])
        assert await store.texts("r", "r-3") == [3, 5, 8]
        assert await store.texts("r", "r-4") == [4, 7]
        for room, message in (
            ("r", "r-2"),
            ("r", "r-6"),
            ("r", "q-3"),
            ("r", "x"),
            ("none", "r-3"),
        ):
            assert await store.texts(room, message) == [], (room, message)

    async def test_redacted_texts_are_gone_from_every_read(self, store: Store) -> None:
        log, other = talk("r"), talk("q")
        await store.append([*log, *other])
        await store.redact("r", [3, 5, 8])
        kept = without_texts(log, 3, 5, 8)
        assert await store.read("r", 0, 100) == kept
        assert await store.ranges([("r", 2)], 3) == [kept[2:5]]
        assert await store.messages("r", None, 10) == kept[2:4]
        assert await store.pages([("r", None)], 10) == [kept[2:4]]
        assert await store.posted([("r", 3)]) == [kept[2]]
        assert await store.shown([("r", 0)], 100) == [without_texts(kept, 4)]
        changes = await store.changes({"r": ["r-3"]})
        assert [each.seq for each in changes] == [6, 8, 9, 10]
        assert changes[1] == kept[7]
        assert (await store.tally("r", "r-3", "u1")).edits == 2
        assert await store.texts("r", "r-3") == [3, 5, 8]
        assert await store.read("q", 0, 100) == other

    async def test_redacted_messages_mention_nobody_and_are_still_counted(
        self, store: Store
    ) -> None:
        await store.append(talk("r"))
        assert (await store.unread("u2", {"r": 0}))["r"] == (2, 2)
        await store.redact("r", [3])
        assert (await store.unread("u2", {"r": 0}))["r"] == (2, 1)

    async def test_a_repeated_send_of_a_redacted_message_is_still_known(self, store: Store) -> None:
        log = talk("r")
        await store.append(log)
        await store.redact("r", [3])
        sent: Any = log[2]
        send = ("r", sent.author.id, sent.client_id)
        assert await stored_sends(store, [send]) == {send: redacted(sent)}
        again = posted("r", 11, body="first", client_id=sent.client_id)
        assert await store.append([again]) == Appended(0, Conflict.CLIENT_ID)

    async def test_redacting_again_or_nothing_does_no_harm(self, store: Store) -> None:
        log = talk("r")
        await store.append(log)
        for seqs in ([], [3, 5], [3, 5], [1, 2, 6, 9, 10, 11, 500, -1, 0], [3]):
            await store.redact("r", seqs)
        await store.redact("none", [1, 2])
        assert await store.read("r", 0, 100) == without_texts(log, 3, 5)

    async def test_many_texts_of_any_kind(self, store: Store) -> None:
        texts = [*TRICKY_TEXTS, *(f"text {number}" for number in range(700))]
        log: list[AnyEvent] = [described("r", 1)]
        log += [posted("r", seq, body=text) for seq, text in enumerate(texts, 2)]
        await store.append(log)
        seqs = [each.seq for each in log[1:]]
        await store.redact("r", seqs)
        assert await store.read("r", 0, len(log)) == without_texts(log, *seqs)

    async def test_cleared_events_keep_their_places_and_lose_their_contents(
        self, store: Store
    ) -> None:
        log, other = eventful("r"), eventful("q")
        await store.append([*log, *other])
        seqs = [each.seq for each in log]
        await store.clear("r", [3, 4])
        kept = [cleared(each) if each.seq in (3, 4) else each for each in log]
        assert await store.read("r", 0, 100) == kept
        for _ in range(2):
            await store.clear("r", [*seqs, 500, -1, 0])
        kept = [cleared(each) for each in log]
        assert await store.read("r", 0, 100) == kept
        assert await store.messages("r", None, 10) == kept[2:4]
        assert await store.shown([("r", 0)], 100) == [without_texts(kept, 3, 4, 5, 7, 8)]
        assert await store.rooms(["r"]) == {"r": kept[12]}
        assert await store.read("q", 0, 100) == other

    async def test_what_is_cleared_is_found_as_before(self, store: Store) -> None:
        log = eventful("r")
        await store.append(log)
        await store.clear("r", [each.seq for each in log])
        sent: Any = log[3]
        send = ("r", sent.author.id, sent.client_id)
        assert await stored_sends(store, [send]) == {send: cleared(sent)}
        again = posted("r", 15, body="again", client_id=sent.client_id)
        assert await store.append([again]) == Appended(0, Conflict.CLIENT_ID)
        changes = await store.changes({"r": ["r-3", "r-4"]})
        assert [each.seq for each in changes] == [6, 7, 8, 9, 10, 14]
        assert {each.user.id: each.seq for each in await store.members(["r"])} == {"u2": 11}
        assert [each.seq for each in await store.memberships("u2")] == [11]
        assert await store.public_rooms("", 10) == [cleared(log[12])]
        assert (await store.unread("u2", {"r": 0}))["r"] == (2, 0)

    async def test_clearing_nothing_does_no_harm(self, store: Store) -> None:
        log = eventful("r")
        await store.append(log)
        for seqs in ([], [2, 6, 9, 10, 14], [500, -1, 0]):
            await store.clear("r", seqs)
        await store.clear("none", [1, 2])
        assert await store.read("r", 0, 100) == log

    # -- what a room does not keep any longer ---------------------------------------------------------

    async def test_of_removed_events_only_the_places_are_left(self, store: Store) -> None:
        log, other = eventful("r"), eventful("q")
        reply = posted("r", 15, thread="r-4")
        await store.append([*log, reply, posted("r", 16, mentions=("u2",)), *other])
        seqs = [each.seq for each in log]
        await store.remove("r", [3, 4])
        kept = [removed(each) if each.seq in (3, 4) else each for each in log]
        assert await store.read("r", 0, len(log)) == kept
        for _ in range(2):
            await store.remove("r", [*seqs, 15, 500, -1, 0])
        kept = [removed(each) for each in (*log, reply)]
        assert await store.read("r", 0, 15) == kept
        assert await store.ranges([("r", 2), ("none", 0)], 5) == [kept[2:7], []]
        assert await store.shown([("r", 0)], 15) == [kept]
        assert [each.seq for each in await store.read("r", 0, 100)] == [*range(1, 17)]
        assert await store.read("q", 0, 100) == other

    async def test_removed_events_are_found_by_nothing_but_their_places(self, store: Store) -> None:
        log = eventful("r")
        reply = posted("r", 15, thread="r-4", mentions=("u2",))
        last = posted("r", 16, mentions=("u2",))
        await store.append([*log, reply, last])
        await store.remove("r", [*range(1, 16)])
        assert await store.messages("r", None, 10) == [last]
        assert await store.pages([("r", None), ("r", 16)], 10) == [[last], []]
        assert await store.posted([("r", 3), ("r", 16)]) == [last]
        assert await store.changes({"r": ["r-3", "r-4"]}) == []
        assert await store.texts("r", "r-3") == []
        assert await store.tally("r", "r-3", "u1") == (0, 0, 0)
        assert await store.replies("r", "r-4", None, 10) == []
        assert await store.threads({"r": ["r-4"]}, 3) == {}
        assert (await store.unread("u2", {"r": 0}))["r"] == (1, 1)
        sent: Any = log[3]
        send = ("r", sent.author.id, sent.client_id)
        assert await stored_sends(store, [send]) == {}
        again = posted("r", 17, body="again", client_id=sent.client_id)
        assert await store.append([again]) == Appended(1)
        assert await stored_sends(store, [send]) == {send: again}
        assert await store.rooms(["r"]) == {"r": log[12]}
        assert {each.user.id: each.seq for each in await store.members(["r"])} == {"u2": 11}
        assert [each.seq for each in await store.memberships("u2")] == [11]
        assert await store.public_rooms("", 10) == [log[12]]
        assert await store.heads(["r"]) == {"r": 17}
        assert await store.list_rooms("", 10) == ["r"]

    async def test_removing_nothing_does_no_harm(self, store: Store) -> None:
        log = eventful("r")
        await store.append(log)
        for seqs in ([], [1, 2, 11, 13], [500, -1, 0]):
            await store.remove("r", seqs)
        await store.remove("none", [1, 2])
        assert await store.read("r", 0, 100) == log
        assert await store.read("none", 0, 100) == []

    async def test_many_are_removed(self, store: Store) -> None:
        texts = [*TRICKY_TEXTS, *(f"text {number}" for number in range(700))]
        log: list[AnyEvent] = [described("r", 1)]
        log += [posted("r", seq, body=text) for seq, text in enumerate(texts, 2)]
        await store.append([*log, posted("r", len(log) + 1)])
        await store.remove("r", [*range(1, len(log) + 1)])
        assert await store.read("r", 0, len(log)) == [removed(each) for each in log]
        assert await store.messages("r", None, 10) == [posted("r", len(log) + 1)]

    async def test_another_node_sees_what_is_removed(
        self, store: Store, other: Store, make_store: Callable[[], Store]
    ) -> None:
        log = eventful("r")
        await store.append(log)
        await store.remove("r", [3, 4, 5, 6])
        kept = [removed(each) if each.seq in (3, 4, 5, 6) else each for each in log]
        assert await other.read("r", 0, 100) == kept
        await other.append([posted("r", 15)])  # the log goes on
        assert await store.read("r", 0, 14) == kept

    # -- together with the edit or deletion that replaces them ---------------------------------------

    async def test_an_edit_removes_the_text_before_it_and_a_deletion_all(
        self, store: Store
    ) -> None:
        log, other = talk("r"), talk("q")
        assert await store.append([*log[:4], *other[:4]]) == Appended(8)
        assert await store.append(log[4:5], erasing=[0]) == Appended(1)
        assert await store.read("r", 0, 100) == without_texts(log[:5], 3)
        assert await store.append(log[5:6]) == Appended(1)
        assert await store.append(log[6:8], erasing=[0]) == Appended(2), "one of two removes"
        assert await store.read("r", 0, 100) == without_texts(log[:8], 3, 4)
        assert await store.append(log[8:10], erasing=(1,)) == Appended(2)
        kept = without_texts(log, 3, 4, 5, 8)
        assert await store.read("r", 0, 100) == kept
        assert await store.messages("r", None, 10) == kept[2:4]
        assert (await store.unread("u2", {"r": 0}))["r"] == (2, 0)
        assert await store.read("q", 0, 100) == other[:4]

    async def test_of_one_batch_each_change_removes_what_stood_before_it(
        self, store: Store
    ) -> None:
        log = talk("r")
        batch = [*log, posted("q", 1)]
        assert await store.append(batch, erasing={9, 4, 7, 6}) == Appended(11)
        assert await store.read("r", 0, 100) == without_texts(log, 3, 4, 5, 8)
        assert await store.read("q", 0, 100) == [posted("q", 1)]
        edits: list[AnyEvent] = [
            event(MessageEdited, "q", seq, message="q-1", body=str(seq)) for seq in (2, 3, 4)
        ]
        assert await store.append(edits, erasing=[0, 1, 2]) == Appended(3)
        assert await store.read("q", 0, 100) == without_texts([posted("q", 1), *edits], 1, 2, 3)

    async def test_an_edit_that_is_not_stored_removes_nothing(self, store: Store) -> None:
        log, other = talk("r"), talk("q")
        await store.append([*log[:6], *other[:2]])
        taken = [log[6], other[1], log[7]]
        assert await store.append(taken, erasing=[0, 2]) == Appended(1, Conflict.POSITION)
        kept = without_texts(log[:7], 4)
        assert await store.read("r", 0, 100) == kept
        again = posted("r", 8, client_id=log[2].client_id)  # type: ignore[union-attr]
        batch: list[AnyEvent] = [again, event(MessageDeleted, "r", 9, message="r-3")]
        assert await store.append(batch, erasing=[1]) == Appended(0, Conflict.CLIENT_ID)
        assert await store.append(log[4:5], erasing=[0]) == Appended(0, Conflict.POSITION)
        assert await store.read("r", 0, 100) == kept

    async def test_what_changes_no_text_removes_none(self, store: Store) -> None:
        await store.append([described("r", 1), posted("r", 2), posted("r", 3)])
        other: list[AnyEvent] = [
            event(MessageEdited, "r", 4, message="r-1", body="x"),
            event(MessageDeleted, "r", 5, message="nothing"),
            event(MessageDeleted, "r", 6, message="q-2"),
        ]
        assert await store.append(other, erasing=[0, 1, 2]) == Appended(3)
        log: list[AnyEvent] = [described("r", 1), posted("r", 2), posted("r", 3), *other]
        assert await store.read("r", 0, 100) == log

    async def test_many_edits_at_once(self, store: Store) -> None:
        log: list[AnyEvent] = [posted("r", 1, client_id="first")]
        log += [
            event(MessageEdited, "r", seq, message="r-1", body=f"text {seq}")
            for seq in range(2, 600)
        ]
        assert await store.append(log) == Appended(len(log))
        last: AnyEvent = event(MessageDeleted, "r", 600, message="r-1")
        assert await store.append([last], erasing=[0]) == Appended(1)
        log.append(last)
        assert await store.read("r", 0, 700) == without_texts(log, *range(1, 600))

    # -- other events in their places ---------------------------------------------------------------

    async def test_an_event_is_replaced_by_another_where_it_is_as_given(self, store: Store) -> None:
        log, other = eventful("r"), eventful("q")
        await store.append([*log, *other])
        new = [renamed(each) for each in log]
        pairs = list(zip(log, new, strict=True))
        assert await store.replace(pairs[:5]) == 5
        assert await store.read("r", 0, 100) == [*new[:5], *log[5:]]
        assert await store.replace(pairs) == len(log) - 5, "five were replaced before"
        assert await store.replace(pairs) == 0
        assert await store.read("r", 0, 100) == new
        assert await store.messages("r", None, 10) == new[2:4]
        changes = await store.changes({"r": ["r-3", "r-4"]})
        assert [(each.seq, each.author.name) for each in changes] == [
            (seq, "Nobody") for seq in (6, 7, 8, 9, 10, 14)
        ]
        sent: Any = new[3]
        send = ("r", sent.author.id, sent.client_id)
        assert await stored_sends(store, [send]) == {send: sent}
        assert await store.rooms(["r"]) == {"r": new[12]}
        assert await store.members(["r"]) == [new[10]]
        assert await store.read("q", 0, 100) == other
        assert await store.append([posted("r", 15)]) == Appended(1)

    async def test_mentions_are_those_of_the_new_event(self, store: Store) -> None:
        old = posted("r", 1, body="one", mentions=("u2",))
        new = posted("r", 1, body="two", mentions=("u3",), data={"poll": [1]}, data_text="x")
        await store.append([old])
        assert await store.replace([(old, new)]) == 1
        assert await store.read("r", 0, 10) == [new]
        assert (await store.unread("u2", {"r": 0}))["r"] == (1, 0)
        assert (await store.unread("u3", {"r": 0}))["r"] == (1, 1)

    async def test_what_was_changed_meanwhile_or_is_not_there_stays(self, store: Store) -> None:
        log = talk("r")
        await store.append(log)
        await store.redact("r", [3])
        pairs = [(each, renamed(each)) for each in (*log[2:4], posted("r", 50), posted("none", 1))]
        assert await store.replace(pairs) == 1
        assert await store.replace([]) == 0
        kept = without_texts(log, 3)
        assert await store.read("r", 0, 100) == [*kept[:3], renamed(log[3]), *kept[4:]]
        assert await store.read("none", 0, 10) == []

    async def test_nothing_is_lost_of_changes_at_the_same_time(
        self, store: Store, other: Store
    ) -> None:
        """Whichever node is first: the other one finds that its event is not as given, or changes what is there."""
        log: list[Any] = [posted("r", seq, mentions=("u2",)) for seq in range(1, 31)]
        await store.append(log)
        for each in log[:10]:
            silent = msgspec.structs.replace(each, mentions=())
            mine, theirs = await asyncio.gather(
                store.replace([(each, renamed(each))]), other.replace([(each, silent)])
            )
            assert mine + theirs == 1
            assert await store.read("r", each.seq - 1, 1) == [renamed(each) if mine else silent]
        ways: Any = ((other.redact, redacted, log[10:20]), (other.clear, cleared, log[20:]))
        for change, without, some in ways:
            for each in some:
                mine, _ = await asyncio.gather(
                    store.replace([(each, renamed(each))]), change("r", [each.seq])
                )
                kept: Any = renamed(each) if mine else each
                assert await store.read("r", each.seq - 1, 1) == [without(kept)]

    async def test_many_are_replaced(self, store: Store) -> None:
        texts = [*TRICKY_TEXTS, *(f"text {number}" for number in range(700))]
        log: list[AnyEvent] = [posted("r", seq, body=text) for seq, text in enumerate(texts, 1)]
        await store.append(log)
        assert await store.replace([(each, renamed(each)) for each in log]) == len(log)
        assert await store.read("r", 0, len(log)) == [renamed(each) for each in log]

    async def test_another_node_and_the_next_start_see_it(
        self, store: Store, other: Store, make_store: Callable[[], Store]
    ) -> None:
        log = talk("r")
        await store.append(log)
        await store.redact("r", [3, 5, 8])
        kept = without_texts(log, 3, 5, 8)
        assert await other.read("r", 0, 100) == kept
        await other.append([posted("r", 11)])  # the log goes on
        assert await store.read("r", 0, 10) == kept
