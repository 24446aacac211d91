"""Commands that other systems answer: to the caller, to the room, with buttons, and when they do not answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest
from receiver import SECRET, Receiver, until

from chatserver import ChatError, Room, RoomKind, StartupError
from chatserver.config.settings import convert
from chatserver.testing.running import Chat, Person, running
from chatserver_plugins.webhooks import WebhooksConfig
from chatserver_plugins.webhooks.commands import Commands

PLACE = "plugin.webhooks.commands.deploy"


@asynccontextmanager
async def answering(receiver: Receiver, **more: object) -> AsyncIterator[tuple[Chat, Person]]:
    """A server whose `/deploy` the receiver answers, and Ada."""
    table: dict[str, object] = {
        "uri": receiver.uri,
        "secret": SECRET,
        "about": "Deploy a version.",
        "name": "Deployments",
        "allowed_networks": ["127.0.0.0/8"],
    }
    settings = {f"{PLACE}.{key}": value for key, value in (table | more).items()}
    receiver.start()
    try:
        async with running("webhooks", settings=settings) as chat:
            yield chat, await chat.user("ada")
    finally:
        await receiver.stop()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


async def test_the_caller_alone_sees_the_answer(receiver: Receiver) -> None:
    receiver.answer = json.dumps({"text": "Which **version**?"}).encode()
    async with answering(receiver) as (_, ada):
        room = await ada.create_room("Lounge")
        outcome = await ada.command(room, "/deploy  the shop, please ", client_id="c-1")
        assert outcome.text == "Which **version**?" and outcome.message is None
        (told,) = receiver.got
        assert (told["type"], told["command"], told["text"]) == (
            "command",
            "deploy",
            "the shop, please",
        )
        assert told["user"] == {"id": ada.id, "username": "ada", "name": ada.user.name}
        assert told["room"] == {"id": room.id, "name": "Lounge"}
        assert receiver.headers["Webhook-Id"] == f"{ada.id}-c-1"
        for nothing in (b"", b'{"text": " "}'):
            receiver.answer = nothing
            assert (await ada.command(room, "/deploy")).text is None


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ({"text": "Shop *7* is out.", "to": "room"}, "Shop *7* is out."),
        ({"text": "Shop *7* is out.", "response_type": "in_channel"}, "Shop **7** is out."),
    ],
)
async def test_the_room_sees_the_answer_of_the_systems_account(
    receiver: Receiver, answer: dict[str, str], body: str
) -> None:
    receiver.answer = json.dumps(answer).encode()
    async with answering(receiver) as (_, ada):
        room = await ada.create_room("Lounge")
        await ada.command(room, "/deploy shop", client_id="c-1")
        await ada.command(room, "/deploy shop", client_id="c-1")  # the answer was lost
        found = (await ada.call("history", room=room.id))["messages"]
        assert [(each["body"], each["author"]["name"]) for each in found] == [(body, "Deployments")]


async def test_a_private_room_has_to_invite_the_account_first(receiver: Receiver) -> None:
    receiver.answer = b'{"text": "out", "to": "room"}'
    async with answering(receiver) as (chat, ada):
        room = await ada.create_room("Inside", kind=RoomKind.PRIVATE)
        with pytest.raises(ChatError, match=r"Invite (\S+) to this room first") as refused:
            await ada.command(room, "/deploy shop")
        name = refused.value.text.split()[1]
        bot = await chat.service.accounts.by_name(name)
        assert bot is not None
        await chat.service.rooms.invite(ada.user, room, bot.id)
        await ada.command(room, "/deploy shop")
        assert len((await ada.call("history", room=room.id))["messages"]) == 1


async def test_buttons_are_answered_by_the_same_system_until_it_takes_them_away(
    receiver: Receiver,
) -> None:
    buttons = [
        {"kind": "button", "id": "yes", "label": "Deploy", "style": "primary"},
        {"kind": "button", "id": "no", "label": "Leave it"},
    ]
    receiver.answer = json.dumps({"text": "Shop 7?", "to": "room", "buttons": buttons}).encode()
    async with answering(receiver) as (chat, ada):
        ben = await chat.user("ben")
        room = await ada.create_room("Lounge")
        await ben.join(room)
        await ada.command(room, "/deploy shop")
        (message,) = (await ben.call("history", room=room.id))["messages"]
        assert [item["id"] for item in message["data"]["parts"]["items"]] == ["yes", "no"]
        receiver.answer = b'{"text": "It is on its way."}'
        used = {"room": room.id, "message": message["id"], "values": {}}
        assert (await ben.call("interact", part="yes", **used))["note"] == "It is on its way."
        told = receiver.got[-1]
        assert (told["type"], told["button"], told["message"]) == ("button", "yes", message["id"])
        assert (told["command"], told["user"]["username"]) == ("deploy", "ben")
        receiver.answer = b'{"buttons": []}'
        await ada.call("interact", part="no", **used)
        (message,) = (await ben.call("history", room=room.id))["messages"]
        assert "parts" not in message["data"]


@pytest.mark.parametrize("trouble", ["status", "away", "garbage", "hangs"])
async def test_a_system_that_does_not_answer_is_named_to_nobody(
    receiver: Receiver, trouble: str
) -> None:
    receiver.status = 500 if trouble == "status" else 200
    receiver.hangs = trouble == "hangs"
    receiver.answer = b'{"text": 7}' if trouble == "garbage" else b""
    async with answering(receiver, timeout_seconds=0.5) as (_, ada):
        room = await ada.create_room("Lounge")
        if trouble == "away":
            await receiver.stop()
        with pytest.raises(ChatError, match="The system behind this command") as refused:
            await ada.command(room, "/deploy shop")
        assert refused.value.code == "plugin.failed"
        assert set(refused.value.detail["texts"]) == {"en", "ja"}
        assert receiver.uri not in refused.value.text


async def test_who_calls_a_system_that_hangs_again_and_again_keeps_nobody_else_waiting(
    receiver: Receiver,
) -> None:
    receiver.hangs = True
    async with answering(receiver, timeout_seconds=9) as (chat, ada):
        ben = await chat.user("ben")
        room = await ada.create_room("Lounge")
        await ben.join(room)
        calls = [asyncio.create_task(ada.command(room, "/deploy shop")) for _ in range(3)]
        await until(lambda: receiver.tried == 3)
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await ada.command(room, "/deploy shop")
        receiver.hangs = False
        receiver.answer = b'{"text": "here"}'
        assert (await ben.command(room, "/deploy shop")).text == "here"
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await receiver.stop()  # which ends those that hang
        receiver.start()
        await until(lambda: answers(ada, room))


async def answers(person: Person, room: Room) -> bool:
    try:
        return (await person.command(room, "/deploy shop")).text == "here"
    except ChatError:
        return False


async def test_a_button_of_a_command_that_is_gone_says_so() -> None:
    use: Any = mock.Mock(context="deploy")
    with pytest.raises(ChatError, match=r"plugin\.absent"):
        await Commands({}, mock.Mock(), mock.Mock()).interact(use)


async def test_an_address_that_is_not_allowed_gets_nothing(receiver: Receiver) -> None:
    async with answering(receiver, allowed_networks=[]) as (_, ada):
        room = await ada.create_room("Lounge")
        with pytest.raises(ChatError, match="The system behind"):
            await ada.command(room, "/deploy shop")
        assert receiver.tried == 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"uri": "ftp://a.example"}, "commands.deploy.uri: expected http"),
        ({"secret": "whsec_???"}, "commands.deploy.secret"),
        ({"allowed_networks": ["here"]}, "'here' is not a network"),
        ({"timeout_seconds": 10}, "commands.deploy.timeout_seconds"),
        ({"about": ""}, "commands.deploy.about"),
    ],
)
def test_mistakes_are_named_with_their_path(change: dict[str, object], text: str) -> None:
    table = {"uri": "https://a.example", "secret": SECRET, "about": "It.", "name": "It", **change}
    with pytest.raises(StartupError) as refused:
        convert({"commands": {"deploy": table}}, WebhooksConfig)
    assert text in str(refused.value)


def test_a_name_that_is_no_command_is_refused() -> None:
    table = {"uri": "https://a.example", "secret": SECRET, "about": "It.", "name": "It"}
    with pytest.raises(StartupError) as refused:
        convert({"commands": {"De ploy": table}}, WebhooksConfig)
    assert "1 to 32 of a-z 0-9 -" in str(refused.value)
