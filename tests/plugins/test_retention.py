"""How long messages are kept: by the server, a kind of room, a room; what is held; and what plugins kept of them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from chatserver import (
    ChatError,
    EditHistory,
    EventRemoved,
    ExpiredMessages,
    MessagePosted,
    Room,
    RoomKind,
)
from chatserver.hooks.records import Space, space_of
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, Person, running
from chatserver_plugins.retention import files
from chatserver_plugins.retention.config import Config
from chatserver_plugins.retention.rules import Rules

NAME = "retention"
DAY = 86_400.0


def serving(*plugins: str, **settings: object) -> Any:
    given = {f"plugin.{NAME}.{key}": value for key, value in settings.items()}
    return running(NAME, *plugins, clock=FakeClock(), settings=given)


async def shown(person: Person, room: Room) -> list[str]:
    answer = await person.http("GET", f"/api/v1/rooms/{room.id}/messages")
    assert answer.status == 200
    return [each["body"] for each in answer.json["messages"]]


async def stored(chat: Chat, room: Room) -> list[str]:
    """The texts in the log, an empty one for each event that is removed."""
    log = await chat._server.store.read(room.id, 0, 1000)
    kinds = MessagePosted | EventRemoved
    return [getattr(each, "body", "") for each in log if isinstance(each, kinds)]


async def told(person: Person, room: Room, command: str) -> str:
    return (await person.command(room, command)).text or ""


async def days_of_messages(chat: Chat, person: Person, room: Room, days: int) -> None:
    """Each day somebody says which day it is."""
    for day in range(1, days + 1):
        await person.post(room, f"day {day}")
        await chat.clock.advance(DAY)


async def test_by_default_everything_is_kept() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await ada.post(room, "for ever")
        await chat.clock.advance(4 * DAY)
        assert await shown(ada, room) == ["for ever"]
        assert room.head == len(await chat._server.store.read(room.id, 0, 100)), (
            "and nothing is written"
        )


async def test_messages_go_when_they_are_older_than_the_server_keeps_them() -> None:
    async with serving(days=3) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await days_of_messages(chat, ada, room, 8)
        await chat.clock.advance(3600)
        assert await shown(ada, room) == ["day 6", "day 7", "day 8"]
        assert await stored(chat, room) == ["", "", "", "", "", "day 6", "day 7", "day 8"]
        await chat.clock.advance(5 * DAY)
        assert await shown(ada, room) == []


async def test_each_kind_of_room_may_have_its_own_time() -> None:
    async with serving(days=3, private_days=0, direct_days=1) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        public = await ada.create_room("Lounge")
        private = await ada.create_room("Secrets", members=[bob], kind=RoomKind.PRIVATE)
        direct = await chat.service.rooms.create(
            ada.user, RoomKind.DIRECT, None, members=[bob.user.id]
        )
        for room in (public, private, direct):
            await ada.post(room, "said")
        await chat.clock.advance(2 * DAY + 60)
        assert [await stored(chat, room) for room in (public, private, direct)] == [
            ["said"],
            ["said"],
            [""],
        ]
        await chat.clock.advance(3 * DAY)
        assert [await stored(chat, room) for room in (public, private, direct)] == [
            [""],
            ["said"],
            [""],
        ]


async def test_owners_have_their_room_forget_sooner_and_never_later_than_the_server() -> None:
    async with serving(days=10) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        other = await ada.create_room("Other")
        await ada.post(room, "said")
        await ada.post(other, "said there")
        assert "10 days" in await told(ada, room, "/retention")
        assert "2 days" in await told(ada, room, "/retention 2")
        assert "2 days" in await told(ada, room, "/retention")
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await ada.command(room, "/retention 11")
        with pytest.raises(ChatError, match=r"command\.forbidden"):
            await bob.command(room, "/retention 1")
        await chat.clock.advance(4 * DAY)
        assert (await stored(chat, room), await stored(chat, other)) == ([""], ["said there"])
        assert "10 days" in await told(ada, room, "/retention 0")
        await ada.post(room, "longer")
        await chat.clock.advance(4 * DAY)
        assert await shown(ada, room) == ["longer"]


async def test_an_operator_may_keep_owners_from_choosing() -> None:
    async with serving(owners_choose=False) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        with pytest.raises(ChatError, match=r"action\.refused"):
            await ada.command(room, "/retention 2")
        assert "for ever" in await told(ada, room, "/retention")


async def test_pinned_messages_stay_if_that_is_wanted() -> None:
    for keeps, left in ((True, ["pinned", ""]), (False, ["", "", ""])):  # the pin is removed, too
        async with serving(days=2, keep_pinned=keeps) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            message = await ada.post(room, "pinned")
            await ada.post(room, "not pinned")
            await chat.service.messages.pin(ada.user, room, message.id, True)
            await chat.clock.advance(5 * DAY)
            assert await stored(chat, room) == left


async def test_nothing_of_a_held_room_or_user_is_removed_until_it_is_released() -> None:
    async with serving(days=2) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        held = await ada.create_room("Evidence")
        rules = Rules(Space(chat._server.store, space_of(NAME)), Config())
        await rules.hold(f"hold/room/{held.id}", "a case", 0.0)
        await rules.hold(f"hold/user/{bob.user.id}", "", 0.0)
        await ada.post(held, "evidence")
        await ada.post(room, "of ada")
        await bob.post(room, "of bob")
        await chat.clock.advance(5 * DAY)
        assert await stored(chat, held) == ["evidence"]
        assert await shown(ada, held) == ["evidence"]
        assert await stored(chat, room) == ["", "of bob"]
        assert await shown(ada, room) == []
        assert await rules.release(f"hold/user/{bob.user.id}")
        assert await rules.release(f"hold/room/{held.id}")
        assert not await rules.release(f"hold/room/{held.id}")
        await chat.clock.advance(2 * DAY)
        assert (await stored(chat, held), await stored(chat, room)) == ([""], ["", ""])


async def test_who_is_held_does_not_delete_their_account() -> None:
    async with serving("account_deletion") as chat:
        await chat.user("ada")
        bob, eve = await chat.user("bob"), await chat.user("eve")
        rules = Rules(Space(chat._server.store, space_of(NAME)), Config())
        await rules.hold(f"hold/user/{bob.user.id}", "a case", 0.0)
        refused = await bob.http("POST", "/api/v1/me/deletion", {"username": "bob"})
        assert (refused.status, refused.json["error"]["code"]) == (422, "action.refused")
        assert (await eve.http("POST", "/api/v1/me/deletion", {"username": "eve"})).status == 202


async def test_who_is_held_is_deleted_by_nobody_unless_it_is_said() -> None:
    async with serving() as chat:
        await chat.user("ada")
        bob = await chat.user("bob")
        rules = Rules(Space(chat._server.store, space_of(NAME)), Config())
        await rules.hold(f"hold/user/{bob.user.id}", "a case", 0.0)
        removal = chat.service.removal
        with pytest.raises(ChatError, match=r"action\.refused"):
            await removal.delete("bob")
        with pytest.raises(ChatError, match=r"action\.refused"):
            await removal.erase(bob.user)
        assert not (await chat.service.accounts.named("bob")).deleted
        assert await chat._server.store.scan("erasure", "") == []
        await removal.delete("bob", despite_hold=True)
        assert (await chat.service.accounts.get(bob.user.id)).deleted


async def test_a_deletion_that_waits_already_waits_for_the_end_of_a_hold() -> None:
    days = {"plugin.account_deletion.days": 1}
    async with running(NAME, "account_deletion", clock=FakeClock(), settings=days) as chat:
        await chat.user("ada")
        bob = await chat.user("bob")
        assert (await bob.http("POST", "/api/v1/me/deletion", {"username": "bob"})).status == 202
        rules = Rules(Space(chat._server.store, space_of(NAME)), Config())
        await rules.hold(f"hold/user/{bob.user.id}", "a case", 0.0)
        await chat.clock.advance(1.2 * DAY)
        assert not (await chat.service.accounts.get(bob.user.id)).deleted
        await rules.release(f"hold/user/{bob.user.id}")
        await chat.clock.advance(0.2 * DAY)
        assert (await chat.service.accounts.get(bob.user.id)).deleted


async def test_a_room_that_shows_edits_forgets_all_texts_of_an_old_message() -> None:
    async with serving(days=2) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await chat.service.rooms.change(
            ada.user, room, None, None, edit_history=EditHistory.MEMBERS
        )
        message = await ada.post(room, "first")
        await chat.service.messages.edit(ada.user, room, message.id, "second")
        await chat.clock.advance(5 * DAY)
        log = await chat._server.store.read(room.id, 0, 100)
        assert not [each for each in log if getattr(each, "body", "")]


async def test_a_poll_goes_with_its_message() -> None:
    async with serving("polls", days=2) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await ada.command(room, "/poll Tea? | yes | no")
        (message,) = (await ada.http("GET", f"/api/v1/rooms/{room.id}/messages")).json["messages"]
        await ada.call("polls.vote", message=message["id"], choices=[1])
        before = await _records(chat, "polls")
        assert any(message["id"] in key for key in before)
        await chat.clock.advance(5 * DAY)
        assert not any(message["id"] in key for key in await _records(chat, "polls"))


async def _records(chat: Chat, plugin: str) -> list[str]:
    spaces = [space for space in await chat._server.store.spaces() if plugin in space]
    return [key for space in spaces for key, _ in await chat._server.store.scan(space, "")]


async def test_what_a_plugin_could_not_remove_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(days=2) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        message = await ada.post(room, "old")
        answers, asked = [False, False, True], list[Sequence[str]]()

        async def on_expired(expired: ExpiredMessages) -> bool:
            asked.append(expired.messages)
            return answers[len(asked) - 1]

        monkeypatch.setattr(chat.service.hooks, "on_expired", on_expired)
        await chat.clock.advance(7 * DAY)
        assert asked == [[message.id]] * 3, "until it is done, and not again"


async def with_file(chat: Chat, person: Person, room: Room, name: str) -> tuple[str, str]:
    """The ids of a file, and of a message that shows it."""

    async def parts() -> AsyncIterator[bytes]:
        yield name.encode()

    blob = await chat.service.blobs.take(
        person.user.id, parts(), name=name, media_type="text/plain"
    )
    data = {"attachments": {"files": [{"blob": blob.id}]}}
    posted, _ = await chat.service.messages.post(person.user, room, name, name, data=data)
    return blob.id, posted.id


async def is_there(chat: Chat, blob: str) -> bool:
    try:
        await chat.service.blobs.get(blob)
    except ChatError as error:
        assert error.code == "blob.not_found"
        return False
    return True


async def test_files_go_sooner_than_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PAGE", 2)
    async with serving("disk_blobs", "attachments", file_days=2) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        kept = await ada.create_room("Evidence")
        rules = Rules(Space(chat._server.store, space_of(NAME)), Config())
        await rules.hold(f"hold/room/{kept.id}", "a case", 0.0)
        await rules.hold(f"hold/user/{bob.user.id}", "", 0.0)
        old = [(await with_file(chat, ada, room, f"{number}.txt"))[0] for number in range(5)]
        pinned, message = await with_file(chat, ada, room, "pinned.txt")
        await chat.service.messages.pin(ada.user, room, message, True)
        of_room, _ = await with_file(chat, ada, kept, "evidence.txt")
        of_user, _ = await with_file(chat, bob, room, "of-bob.txt")
        many, _ = await with_file(chat, ada, room, "many.txt")
        for number in range(5):  # the room that is held comes last
            await chat.service.blobs.refer(many, f"plugin:attachments:{room.id}-{100 + number}")
        await chat.service.blobs.refer(many, f"plugin:attachments:{kept.id}-999")
        shared, _ = await with_file(chat, ada, room, "shared.txt")
        await chat.service.blobs.refer(shared, "plugin:profiles:ada")
        await chat.clock.advance(4 * DAY)
        assert [await is_there(chat, blob) for blob in old] == [False] * 5
        for blob in (pinned, of_room, of_user, shared, many):
            assert await is_there(chat, blob)
        assert len(await shown(ada, room)) == 9, "nothing else goes"
        await rules.release(f"hold/user/{bob.user.id}")
        await chat.service.messages.pin(ada.user, room, message, False)
        await chat.clock.advance(2 * DAY)
        assert [await is_there(chat, blob) for blob in (pinned, of_user)] == [False, False]
        assert await is_there(chat, of_room)


async def test_files_stay_as_long_as_nothing_else_is_said_and_without_a_place_for_them() -> None:
    async with serving("disk_blobs", "attachments") as chat:
        ada = await chat.user("ada")
        blob, _ = await with_file(chat, ada, await ada.create_room("Lounge"), "kept.txt")
        await chat.clock.advance(5 * DAY)
        assert await is_there(chat, blob)
    async with serving(days=2, file_days=1) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await ada.post(room, "old")
        await chat.clock.advance(5 * DAY)
        assert await stored(chat, room) == [""]
