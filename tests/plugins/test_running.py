"""The server that authors of plugins test with."""

import pytest

from chatserver import ChatError, RoomKind, StartupError
from chatserver.testing.running import running


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_people_talk_and_requests_are_answered(store: str) -> None:
    settings = {"plugin.wordfilter.words": ["bad"]}
    async with running("wordfilter", store=store, settings=settings) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[bob])
        message = await bob.post(room, "こんにちは")
        with pytest.raises(ChatError, match=r"message\.refused"):
            await bob.post(room, "bad")
        lobby = await ada.create_room("Lobby")
        await bob.join(lobby)

        found = await bob.http("GET", f"/api/v1/rooms/{room.id}/messages")
        assert found.status == 200 and found.headers["content-type"].startswith("application/json")
        assert [each["id"] for each in found.json["messages"]] == [message.id]
        sent = {"client_id": "c", "body": "Hello"}
        assert (await ada.http("POST", f"/api/v1/rooms/{lobby.id}/messages", sent)).status == 201
        nobody = await chat.http("GET", "/api/v1/me")
        assert nobody.status == 401 and nobody.json["error"]["code"] == "auth.required"


async def test_two_servers_know_nothing_of_each_other() -> None:
    async with running() as one, running() as two:
        await one.user("ada")
        assert (await two.user("ada")).user.role == "owner"
        assert one.port != two.port


async def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(StartupError, match=r"plugin\.wordfilter\.wrods: unknown key"):
        async with running("wordfilter", settings={"plugin.wordfilter.wrods": []}):
            pass
