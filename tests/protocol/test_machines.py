"""The account of a machine is flagged wherever a client meets it, and a person's is not."""

from pathlib import Path
from typing import Any

from chatserver.testing.running import running

PLUGINS = str(Path(__file__).parents[1] / "page/plugins")


async def test_messages_events_members_and_users_are_flagged() -> None:
    async with running("greeter", "graphql", settings={"plugins.folder": PLUGINS}) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await ada.post(room, "hello")
        path = f"/api/v1/rooms/{room.id}"
        messages: list[dict[str, Any]] = []
        while len(messages) < 2:
            messages = (await ada.http("GET", f"{path}/messages")).json["messages"]
        persons, machine = messages[0]["author"], messages[1]["author"]
        assert persons == {"id": ada.id, "name": "ada"}
        assert machine == {"id": machine["id"], "name": "Greeter", "bot": True}
        events = (await ada.http("GET", f"{path}/events?after=0")).json["events"]
        joined = next(each for each in events if each["ev"] == "member.joined" and each["seq"] > 3)
        assert joined["author"]["bot"] is True and joined["user"]["bot"] is True
        assert [each.get("bot") for each in events if each["author"]["id"] == ada.id] == [None] * 3
        over_socket = (await ada.call("members", room=room.id))["members"]
        over_http = (await ada.http("GET", f"{path}/members")).json["members"]
        assert over_socket == over_http
        assert {each["id"]: each.get("bot") for each in over_http} == {
            ada.id: None,
            machine["id"]: True,
        }
        query = "query ($id: ID!) { room(id: $id) { messages(last: 1) { author { bot } } } }"
        body = {"query": query, "variables": {"id": room.id}}
        answer = await ada.http("POST", "/graphql", body)
        assert "errors" not in answer.json, answer.json
        assert answer.json["data"]["room"]["messages"] == [{"author": {"bot": True}}]
