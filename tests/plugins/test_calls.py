"""Calls: a message begins one, readers join it with a ticket of their own, and others do not."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from chatserver import ChatError, Message, Room, RoomKind, StartupError
from chatserver.testing.clock import FakeClock
from chatserver.testing.commands import CommandContract
from chatserver.testing.running import Answer, Person, running
from chatserver_plugins.calls import desk
from chatserver_plugins.calls.desk import BURST, TEXT

JITSI = {"plugin.calls.page": "https://jitsi.example.org/"}
SECRET = "a secret of the other server"
SIGNED = JITSI | {"plugin.calls.key": "chat", "plugin.calls.secret": SECRET}
LIVEKIT = SIGNED | {
    "plugin.calls.kind": "livekit",
    "plugin.calls.page": "https://meet.example.org",
    "plugin.calls.server": "wss://livekit.example.org",
    "plugin.calls.key": "APIkey",
}


class TestCommand(CommandContract):
    plugin = "calls"
    settings = JITSI
    samples = {"call": "/call"}


def claims_of(token: str) -> Any:
    """What a ticket says, if its signature is right."""
    signed, _, mark = token.rpartition(".")
    expected = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)
    assert base64.urlsafe_b64decode(mark + "=") == expected
    head, body = (
        msgspec.json.decode(base64.urlsafe_b64decode(part + "==")) for part in signed.split(".")
    )
    assert head == {"alg": "HS256", "typ": "JWT"}
    return body


async def begin(by: Person, room: Room) -> Any:
    answer = await by.http("POST", "/api/v1/calls", {"room": room.id})
    assert answer.status == 201, answer.body
    return answer.json


async def read(by: Person, room: Room) -> list[Message]:
    answer = await by.http("GET", f"/api/v1/rooms/{room.id}/messages")
    return msgspec.convert(answer.json["messages"], list[Message])


async def join(by: Person, message: str) -> Answer:
    return await by.http("POST", "/api/v1/calls/join", {"message": message})


def code(answer: Answer) -> str:
    found: str = answer.json["error"]["code"]
    return found


async def test_whoever_reads_the_message_joins_the_call_and_nobody_else() -> None:
    async with running("calls", settings=JITSI) as chat:
        ada, ben, eve = [await chat.user(name) for name in ("ada", "ben", "eve")]
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[ben])
        begun = await begin(ada, room)
        (message,) = await read(ben, room)
        assert (message.id, message.body, message.author.id) == (begun["message"], TEXT, ada.id)
        name = message.data["calls"]["name"]
        assert begun["url"] == f"https://jitsi.example.org/{name}"
        assert (await join(ben, message.id)).json == begun
        assert await ben.call("calls.join", message=message.id) == begun
        assert (await begin(ada, room))["url"] != begun["url"]
        for refused in (await join(eve, message.id), await join(ben, "nothing-1")):
            assert (refused.status, code(refused)) == (404, "message.not_found")
        said = await ben.post(room, "no call")
        assert code(await join(ada, said.id)) == "message.not_found"
        answer = await eve.http("POST", "/api/v1/calls", {"room": room.id})
        assert code(answer) == "room.not_found"
        await chat.service.rooms.archive(ada.user, room, True)
        assert code(await join(ben, message.id)) == "room.archived"
        await chat.service.rooms.archive(ada.user, room, False)
        await chat.service.messages.delete(ada.user, room, message.id)
        assert code(await join(ben, message.id)) == "message.not_found"


async def test_tickets_of_jitsi_name_their_user_and_who_moderates() -> None:
    async with running("calls", settings=SIGNED, clock=FakeClock()) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        begun = await begin(ben, room)
        now = int(chat.clock.now())
        for person, url, role in (
            (ben, begun["url"], "owner"),  # who began it
            (ada, (await join(ada, begun["message"])).json["url"], "owner"),  # of the room
        ):
            parts = urlsplit(url)
            assert parts.netloc == "jitsi.example.org"
            (token,) = parse_qs(parts.query)["jwt"]
            user = {"id": person.id, "name": person.user.name}
            assert claims_of(token) == {
                "iss": "chat",
                "aud": "jitsi",
                "sub": "jitsi.example.org",
                "room": parts.path.removeprefix("/"),
                "nbf": now - 60,
                "exp": now + 7200,
                "context": {"user": user | {"moderator": True, "affiliation": role}},
            }
        begun = await begin(ada, room)
        url = (await join(ben, begun["message"])).json["url"]
        (token,) = parse_qs(urlsplit(url).query)["jwt"]
        user = claims_of(token)["context"]["user"]
        assert (user["moderator"], user["affiliation"]) == (False, "member")


async def test_tickets_of_livekit_let_into_one_call() -> None:
    settings = LIVEKIT | {"plugin.calls.hours": 0.5}
    async with running("calls", settings=settings, clock=FakeClock()) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        begun = await begin(ada, room)
        parts = urlsplit((await join(ben, begun["message"])).json["url"])
        assert (parts.netloc, parts.path) == ("meet.example.org", "/custom/")
        query = parse_qs(parts.query)
        assert query["liveKitUrl"] == ["wss://livekit.example.org"]
        now = int(chat.clock.now())
        (message,) = await read(ben, room)
        assert claims_of(query["token"][0]) == {
            "iss": "APIkey",
            "sub": ben.id,
            "name": "ben",
            "nbf": now - 60,
            "exp": now + 1800,
            "video": {
                "room": message.data["calls"]["name"],
                "roomJoin": True,
                "canPublish": True,
                "canSubscribe": True,
                "roomAdmin": False,
            },
        }


async def test_a_call_in_a_thread_and_over_graphql() -> None:
    async with running("calls", "graphql", settings=JITSI) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        root = await ada.post(room, "root")
        begun = await ada.call("calls.begin", room=room.id, thread=root.id)
        found = await chat.service.messages.by_id(ada.user, begun["message"])
        assert found.thread == root.id
        mutation = (
            f'mutation {{ beginCall(input: {{roomId: "{room.id}", threadId: "{root.id}"}}) '
            "{ messageId url } }"
        )
        answer = (await ada.http("POST", "/graphql", {"query": mutation})).json
        made = answer["data"]["beginCall"]
        mutation = f'mutation {{ joinCall(input: {{messageId: "{made["messageId"]}"}}) {{ url }} }}'
        answer = (await ada.http("POST", "/graphql", {"query": mutation})).json
        assert answer["data"]["joinCall"] == {"url": made["url"]}
        answered = await ada.command(room, "/call")
        assert answered.text.startswith("https://jitsi.example.org/call-")


async def test_calls_are_begun_no_faster_than_people_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "PER_SECOND", 1e-9)  # none comes back, however long the test takes
    async with running("calls", settings=JITSI) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        for _ in range(int(BURST)):
            await begin(ada, room)
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await ada.call("calls.begin", room=room.id)
        assert len(await read(ada, room)) == BURST


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "page"),
        ({"page": "javascript:alert(1)"}, "page: expected https"),
        ({"page": "https://"}, "page: expected https"),
        ({"page": "https://a.test/?x=1"}, "page: expected https"),
        ({"page": "https://a.test/ b"}, "page: expected https"),
        ({"page": "https://[a"}, "page: expected https"),
        ({"page": "https://a.test", "key": "k"}, "it needs its secret"),
        ({"page": "https://a.test", "secret": "s"}, "it needs its secret"),
        ({"page": "https://a.test", "kind": "livekit"}, "server: expected wss"),
        (
            {"page": "https://a.test", "kind": "livekit", "server": "wss://a.test"},
            "lets nobody in without one",
        ),
        ({"page": "https://a.test", "kind": "zoom"}, "kind"),
    ],
)
async def test_wrong_settings_say_what_is_wrong(settings: dict[str, object], reason: str) -> None:
    named = {f"plugin.calls.{name}": value for name, value in settings.items()}
    with pytest.raises(StartupError, match=reason):
        async with running("calls", settings=named):
            pass
