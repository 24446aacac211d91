"""Data of messages: who may give it, what is kept of it, and that no change of it is lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from chatserver.errors import ChatError
from chatserver.hooks.types import Draft, EventKind, MessageData, Refusal
from chatserver.model import NO_DATA, Message, MessageEdited, MessagePosted
from chatserver.roomlog.room import Room
from chatserver.service import message_data, values
from chatserver.service.message_data import MessageDataKinds
from chatserver.service.plugin_messages import PluginMessages
from chatserver.testing.samples import event as event_of
from chatserver.testing.samples import posted as posted_event
from chatserver_plugins.memory import MemoryStore
from tests.core.hooking import errors, hooks_of
from tests.core.nodes import Call, add_user, config, make_service, running
from tests.core.scene import Scene, scene

pytestmark = pytest.mark.virtual_time


class Poll(msgspec.Struct, frozen=True, omit_defaults=True):
    question: Annotated[str, Meta(max_length=20)]
    votes: dict[str, int] = {}


class Outer(msgspec.Struct, frozen=True):
    polls: list[Poll]


POLL = MessageData(name="poll", schema=Poll, text=lambda poll: poll.question)
OPEN = MessageData(name="note", schema=Any, from_clients=True, max_bytes=100)
NESTED = MessageData(name="poll.nested", schema=Outer, from_clients=True)
KINDS = [("poll", POLL), ("note", OPEN), ("poll", NESTED)]


@asynccontextmanager
async def talk() -> AsyncIterator[Scene]:
    """Two nodes, on both of which the namespaces are known."""
    async with scene() as built:
        for service in (built.first, built.second):
            service.messages.data.register(KINDS)
        yield built


async def posted(built: Scene, data: Mapping[str, Any], plugin: str | None = None) -> MessagePosted:
    built.sent += 1
    event, _ = await built.first.messages.post(
        built.owner, built.room, f"d{built.sent}", "Hello", data=data, plugin=plugin
    )
    return event


async def standing(built: Scene, message: str) -> Message:
    return await built.second.history.message(await built.second.rooms.get(built.room.id), message)


def kinds() -> MessageDataKinds:
    made = MessageDataKinds(hooks_of().guard)
    made.register(KINDS)
    return made


# -- what is valid -----------------------------------------------------------------------------


DEEP: Any = 1
for _ in range(values.DEPTH + 1):
    DEEP = [DEEP]

INVALID = [
    ("other", {}, "unknown", "$"),
    ("poll", {"question": "Tea?"}, "unknown", "$"),  # only the plugin gives it
    ("parts", {"of": "poll", "items": []}, "unknown", "$"),
    ("poll.nested", {"polls": [{"question": 5}]}, "shape", "$.polls[0].question"),
    ("poll.nested", {"polls": [{"question": "x" * 21}]}, "shape", "$.polls[0].question"),
    ("poll.nested", {}, "shape", "$"),
    ("note", "x" * 100, "large", "$"),
    ("note", DEEP, "shape", None),
    ("note", [1, {"a": 2**63}], "shape", "$.1.a"),
    ("note", {"$set": 1}, "shape", "$"),
    ("note", {"": 1}, "shape", "$"),
    ("note", {"a\0": 1}, "shape", "$"),
]


@pytest.mark.parametrize(("name", "value", "reason", "path"), INVALID)
def test_clients_get_to_know_what_is_wrong_and_where(
    name: str, value: Any, reason: str, path: str | None
) -> None:
    with pytest.raises(ChatError) as caught:
        kinds().from_client({name: value})
    error = caught.value
    assert error.code == "message.data_invalid"
    assert error.detail["namespace"] == name and error.detail["reason"] == reason
    assert path is None or error.detail["path"] == path


def test_a_value_at_the_bounds_is_taken_as_it_is() -> None:
    value = {"a.b": [None, True, 2**63 - 1, 1 - 2**63, 0.5, {"k" * 20: ""}]}
    assert kinds().from_client({"note": value}) == {"note": value}
    assert kinds().from_client({"note": "x" * 98})["note"] == "x" * 98


def test_unknown_fields_are_not_kept_and_structs_become_objects() -> None:
    found = kinds().from_client({"poll.nested": {"polls": [{"question": "Q", "more": 1}]}})
    assert found == {"poll.nested": {"polls": [{"question": "Q"}]}}
    assert kinds().from_plugin("poll", {"poll": Poll("Q", {"u": 1})}) == {
        "poll": {"question": "Q", "votes": {"u": 1}}
    }


def test_all_data_of_a_message_is_bounded_together() -> None:
    many = {f"n{number}": 1 for number in range(message_data.NAMESPACES)}
    assert kinds().joined(NO_DATA, many) == many
    for data in ({**many, "one more": 1}, {f"n{n}": "x" * 9000 for n in range(4)}):
        with pytest.raises(ChatError, match="too much data"):
            kinds().joined(NO_DATA, data)
    assert kinds().joined({"a": 1}, {"a": None}) is NO_DATA


def test_a_plugin_gives_only_its_own() -> None:
    known = kinds()
    parts = {"of": "poll", "items": []}
    assert known.from_plugin("poll", {"parts": parts})["parts"] == parts
    for plugin, data in (
        ("poll", {"note": 1}),
        ("poll", {"nothing": 1}),
        ("note", {"parts": parts}),
        ("poll", {"parts": {"of": "note", "items": []}}),
    ):
        with pytest.raises(ChatError) as caught:
            known.from_plugin(plugin, data)
        assert caught.value.detail["reason"] == "unknown"
    with pytest.raises(ChatError):
        known.from_plugin("note", {"parts": {"of": "note", "items": []}}, {"parts": parts})
    with pytest.raises(ChatError):
        known.from_plugin("note", {"parts": None}, {"parts": parts})


def test_no_message_changes_the_data_that_all_without_any_share() -> None:
    shared: Any = NO_DATA
    for change in (
        lambda: shared.update(a=1),
        lambda: shared.setdefault("a", 1),
        lambda: shared.__setitem__("a", 1),
        lambda: shared.__ior__({"a": 1}),
    ):
        with pytest.raises(TypeError):
            change()
    assert shared == {}


def test_a_message_without_data_is_written_as_before() -> None:
    event = msgspec.json.decode(
        b'{"ev":"message.posted","room":"r","seq":1,"at":"a","author":{"id":"u","name":"n"},'
        b'"id":"r-1","body":"b","client_id":"c"}',
        type=MessagePosted,
    )
    assert event.data is NO_DATA
    assert set(json.loads(msgspec.json.encode(event))) == {
        *("ev", "room", "seq", "at", "author", "id", "body", "client_id")
    }


# -- posting and changing ----------------------------------------------------------------------


async def test_a_message_is_posted_with_data_and_its_text() -> None:
    async with talk() as built:
        event = await posted(built, {"poll": Poll("Tea?")}, "poll")
        assert event.data == {"poll": {"question": "Tea?"}} and event.data_text == "Tea?"
        assert (await standing(built, event.id)).data == event.data
        found = await built.second.search.find(built.owner, "hello tea")
        assert [message.id for message in found.messages] == [event.id]


async def test_a_refused_message_is_not_posted() -> None:
    async with talk() as built:
        head = built.room.head
        with pytest.raises(ChatError, match=r"message\.data_invalid"):
            await posted(built, {"poll": {"question": "Tea?"}})
        draft = Draft(room=built.room.id, body="Hello", data={"poll": 1}, client_id="x")
        assert not built.first.messages.send_now(built.owner, "x", draft, lambda outcome: None)
        with pytest.raises(ChatError, match=r"message\.data_invalid"):
            await built.first.messages.send(built.owner, "x", draft, lambda outcome: None)
        await built.first.log.drain()
        assert built.room.head == head


async def test_an_edit_keeps_data_unless_it_has_new_data() -> None:
    async with talk() as built:
        event = await posted(built, {"note": 1, "poll.nested": {"polls": []}})
        messages = built.first.messages
        await messages.edit(built.owner, built.room, event.id, "better")
        assert (await standing(built, event.id)).data == event.data
        await messages.edit(built.owner, built.room, event.id, "best", data={"note": 2})
        assert (await standing(built, event.id)).data == {**event.data, "note": 2}
        await messages.edit(built.owner, built.room, event.id, "best", data={"note": None})
        found = await standing(built, event.id)
        assert found.data == {"poll.nested": {"polls": []}} and found.edited_at


async def test_data_of_a_plugin_that_is_off_stays() -> None:
    async with talk() as built:
        event = await posted(built, {"poll": Poll("Tea?")}, "poll")
        built.second.messages.data._kinds.pop("poll")
        there = await built.second.rooms.get(built.room.id)
        await built.second.messages.edit(built.owner, there, event.id, "better")
        found = await standing(built, event.id)
        assert (found.data, found.data_text) == (event.data, "Tea?")


async def test_a_change_of_data_is_no_edit_of_the_text() -> None:
    async with talk() as built:
        event = await posted(built, {"poll": Poll("Tea?")}, "poll")
        messages, room = built.first.messages, built.room
        changed = await messages.change_data("poll", room, event.id, vote("u1"))
        found = await standing(built, event.id)
        assert found.edited_at is None and found.data["poll"]["votes"] == {"u1": 1}
        await messages.edit(built.owner, room, event.id, "better")
        edited = (await standing(built, event.id)).edited_at
        await messages.change_data("poll", room, event.id, vote("u2"))
        found = await standing(built, event.id)
        assert (found.edited_at, found.body) == (edited, "better")
        assert found.data["poll"]["votes"] == {"u1": 1, "u2": 1}
        head = room.head
        same = await messages.change_data(
            "poll", room, event.id, lambda data: {"poll": data["poll"]}
        )
        none = await messages.change_data("poll", room, event.id, lambda data: None)
        assert same == none == room.head == head > changed


def vote(user: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    def change(data: Mapping[str, Any]) -> Mapping[str, Any]:
        poll = msgspec.convert(data["poll"], Poll)
        return {"poll": Poll(poll.question, {**poll.votes, user: 1})}

    return change


async def test_changes_of_two_nodes_and_edits_at_the_same_time_are_all_kept() -> None:
    async with talk() as built:
        event = await posted(built, {"poll": Poll("Tea?")}, "poll")
        there = await built.second.rooms.get(built.room.id)
        places = [(built.first, built.room), (built.second, there)]
        changes = [
            places[number % 2][0].messages.change_data(
                "poll", places[number % 2][1], event.id, vote(f"u{number}")
            )
            for number in range(30)
        ]
        edits = [
            service.messages.edit(
                built.owner, room, event.id, f"by node {number}", data={"note": number}
            )
            for number, (service, room) in enumerate(places)
        ]
        seqs = await asyncio.gather(*changes[:15], edits[0], *changes[15:], edits[1])
        assert len(set(seqs)) == 32
        found = await standing(built, event.id)
        assert found.data["poll"]["votes"] == {f"u{number}": 1 for number in range(30)}
        last = 0 if seqs[15] > seqs[31] else 1
        assert (found.body, found.data["note"]) == (f"by node {last}", last)


async def test_a_change_goes_on_when_whoever_asked_has_left() -> None:
    """Otherwise the next change could be made from data that this one is about to replace."""
    async with talk() as built:
        event = await posted(built, {"poll": Poll("Tea?")}, "poll")
        messages = built.first.messages
        reads = 5  # the message twice, and the number of its changes
        built.store.arm([*[("", 0.0)] * reads, ("late", 1.0)])
        first = asyncio.create_task(messages.change_data("poll", built.room, event.id, vote("u1")))
        while not built.first.log._batch:
            await asyncio.sleep(0.001)
        first.cancel()
        await messages.change_data("poll", built.room, event.id, vote("u2"))
        assert (await standing(built, event.id)).data["poll"]["votes"] == {"u1": 1, "u2": 1}


async def test_a_deleted_message_has_no_data_and_cannot_be_changed() -> None:
    async with talk() as built:
        event = await posted(built, {"poll": Poll("secret?")}, "poll")
        await built.first.messages.change_data("poll", built.room, event.id, vote("u1"))
        await built.first.messages.delete(built.owner, built.room, event.id)
        (found,) = (await built.first.history.page(built.owner, built.room)).messages
        assert (found.data, found.data_text) == ({}, "")
        for service in (built.first, built.second):
            room = await service.rooms.get(built.room.id)
            page = await service.history.events(built.owner, room, 0)
            assert b"secret" not in msgspec.json.encode(page)
        with pytest.raises(ChatError, match=r"message\.not_found"):
            await built.first.messages.change_data("poll", built.room, event.id, vote("u2"))
        assert (await built.first.search.find(built.owner, "secret")).messages == []


async def test_replaced_data_is_shown_to_nobody() -> None:
    async with talk() as built:
        event = await posted(built, {"note": "first"})
        await built.first.messages.edit(
            built.owner, built.room, event.id, "Hello", data={"note": "second"}
        )
        for service in (built.first, built.second):
            room = await service.rooms.get(built.room.id)
            page = msgspec.json.encode(await service.history.events(built.owner, room, 0))
            assert b"first" not in page and b"second" in page


# -- plugins that look at messages -------------------------------------------------------------


@asynccontextmanager
async def judged(**hooks: Callable[..., Any]) -> AsyncIterator[Any]:
    """One node whose plugin `poll` has these hooks, with a room."""
    calls = {name: [Call("poll", hook, ["draft"])] for name, hook in hooks.items()}
    async with running(make_service(MemoryStore(), config(), calls)) as service:
        service.messages.data.register(KINDS)
        owner = await add_user(service, "owner")
        room = await service.rooms.create(owner, "public", "room")
        yield service, owner, room


async def test_a_plugin_adds_its_data_and_sees_that_of_others() -> None:
    seen: list[Draft] = []

    async def change(draft: Draft) -> Draft:
        seen.append(draft)
        return msgspec.structs.replace(draft, data={**draft.data, "poll": Poll("Tea?")})

    async def check(draft: Draft) -> Refusal | None:
        seen.append(draft)
        return None

    async with judged(change_message=change, check_message=check) as (service, owner, room):
        event, _ = await service.messages.post(owner, room, "c1", "Hello", data={"note": 1})
        assert event.data == {"note": 1, "poll": {"question": "Tea?"}}
        assert event.data_text == "Tea?"
        first, second = seen
        assert (first.client_id, first.data) == ("c1", {"note": 1})
        assert second.data == event.data
        await service.messages.edit(owner, room, event.id, "better")
        assert seen[2].client_id == "c1" and seen[2].data == event.data


async def test_a_draft_without_the_data_takes_nothing_away() -> None:
    async def change(draft: Draft) -> Draft:
        return Draft(room=draft.room, body="changed")

    async with judged(change_message=change) as (service, owner, room):
        event, _ = await service.messages.post(owner, room, "c1", "Hello", data={"note": 1})
        assert (event.body, event.data) == ("changed", {"note": 1})


@pytest.mark.parametrize("data", [{"note": 2}, {"poll": 5}, {"poll": Poll("x" * 99)}, 5])
async def test_wrong_data_of_a_plugin_is_its_failure(data: Any) -> None:
    async def change(draft: Draft) -> Draft:
        return msgspec.structs.replace(draft, data=data)

    async with judged(change_message=change) as (service, owner, room):
        with pytest.raises(ChatError, match=r"plugin\.failed"):
            await service.messages.post(owner, room, "c1", "Hello", data={"note": 1})
        assert errors(service.hooks) == {("poll", "change_message", "garbage"): 1}


@pytest.mark.parametrize("text", [lambda poll: 1 / 0, lambda poll: 5, lambda poll: "\ud800"])
async def test_a_text_that_cannot_be_made_is_left_out(text: Callable[[Any], str]) -> None:
    async with judged() as (service, owner, room):
        service.messages.data.register([("poll", msgspec.structs.replace(POLL, text=text))])
        event, _ = await service.messages.post(
            owner, room, "c1", "Hello", data={"poll": Poll("Q")}, plugin="poll"
        )
        assert (event.data, event.data_text) == ({"poll": {"question": "Q"}}, "")
        assert errors(service.hooks) == {("poll", "register_message_data", "error"): 1}


# -- events of plugins' own kinds --------------------------------------------------------------


async def test_an_event_of_a_plugin_takes_its_place_in_the_log_and_reaches_followers() -> None:
    async with talk() as built:
        for service in (built.first, built.second):
            service.plugin_events.register([("poll", EventKind(name="poll.closed", schema=Poll))])
        reader = await built.reader(None)
        start = built.room.head
        ours = PluginMessages("poll", built.first)
        event = await ours.note(built.owner, built.room, "poll.closed", Poll("Tea?"))
        assert (event.seq, event.payload) == (start + 1, {"question": "Tea?"})
        await built.post(1)
        await built.expect(reader, start)
        (seen, _) = reader.pipe.events(built.room.id)
        assert (seen["ev"], seen["type"]) == ("plugin.event", "poll.closed")
        there = await built.second.rooms.get(built.room.id)
        page = await built.second.history.events(built.owner, there, start, 1)
        assert page.events == [event]
        messages = (await built.second.history.page(built.owner, there)).messages
        assert len(messages) == 1


async def test_an_event_that_is_not_the_plugins_is_refused() -> None:
    async with talk() as built:
        events = built.first.plugin_events
        events.register([("poll", EventKind(name="poll.closed", schema=Poll, max_bytes=60))])
        stranger = await add_user(built.first, "stranger")
        head = built.room.head
        for plugin, user, name, payload, code in (
            ("note", built.owner, "poll.closed", Poll("Q"), "message.data_invalid"),
            ("poll", built.owner, "poll.opened", Poll("Q"), "message.data_invalid"),
            ("poll", built.owner, "poll.closed", {"question": 5}, "message.data_invalid"),
            ("poll", built.owner, "poll.closed", Poll("Q", {"u" * 60: 1}), "message.data_invalid"),
            ("poll", stranger, "poll.closed", Poll("Q"), "room.not_found"),
        ):
            with pytest.raises(ChatError) as caught:
                await events.note(plugin, user, built.room, name, payload)
            assert caught.value.code == code
        assert built.room.head == head


# -- bounds and rights of changes --------------------------------------------------------------


async def test_a_message_with_data_may_be_changed_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatserver.service.history.EDITS", 2)
    monkeypatch.setattr("chatserver.service.history.DATA_CHANGES", 4)
    async with talk() as built:
        with_data, plain = await posted(built, {"note": 1}), await posted(built, {})
        for event, times in ((with_data, 4), (plain, 2)):
            for number in range(times):
                await built.first.messages.edit(built.owner, built.room, event.id, f"edit {number}")
            with pytest.raises(ChatError, match=r"limit\.count"):
                await built.first.messages.edit(built.owner, built.room, event.id, "once more")
        with pytest.raises(ChatError, match=r"limit\.count"):
            await built.first.messages.change_data(
                "poll", built.room, with_data.id, lambda data: None
            )


async def test_a_change_needs_its_right_at_the_place_that_it_gets() -> None:
    async with talk() as built:
        member = await built.member("member")
        said, _ = await built.first.messages.post(member, built.room, "m", "Hello")
        there = await built.second.rooms.get(built.room.id)
        await built.second.rooms.kick(built.owner, there, member.id)
        with pytest.raises(ChatError, match=r"room\.not_found"):  # this node knows of it too late
            await built.first.messages.edit(member, built.room, said.id, "better")
        assert (await standing(built, said.id)).body == "Hello"


def test_a_room_that_has_forgotten_a_change_says_that_there_may_be_one() -> None:
    room = Room("r")
    room.apply(posted_event("r", 1), 2)
    room.apply(event_of(MessageEdited, "r", 2, message="r-1", body="b"), 2)
    assert room.may_have_changed("r-1", 1) and not room.may_have_changed("r-1", 2)
    assert not room.may_have_changed("r-9", 1)
    for seq in range(3, 9):
        room.apply(posted_event("r", seq), 2)
    assert room.tail_from > 2
    assert room.may_have_changed("r-1", room.tail_from - 1)
    assert not room.may_have_changed("r-1", room.tail_from)
