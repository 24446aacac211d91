"""People who ask a running server over GraphQL."""

from typing import Any

import httpx

from tests.protocol.running import Person, Running

Json = dict[str, Any]
PATH = "/graphql"


def without_cost(answer: Json) -> Json:
    """A result without what it cost, which depends on what was asked before."""
    extensions = dict(answer.get("extensions", {}))
    assert extensions.pop("cost").keys() >= {"requested", "limit"}
    rest = {name: value for name, value in answer.items() if name != "extensions"}
    return rest | ({"extensions": extensions} if extensions else {})


class Asker:
    """Somebody with an account, or nobody."""

    def __init__(self, server: Running, person: Person | None = None) -> None:
        self.server, self.person = server, person
        self.id = person.id if person else ""
        self.username = person.username if person else ""

    async def send(self, text: str, /, **variables: Any) -> httpx.Response:
        body = {"query": text, "variables": variables}
        if self.person is None:
            return await self.server.http("POST", PATH, body)
        return await self.person.http("POST", PATH, body)

    async def answer(self, text: str, /, **variables: Any) -> Json:
        found: Json = (await self.send(text, **variables)).json()
        return found

    async def ask(self, text: str, /, **variables: Any) -> Json:
        """The data of an answer without errors."""
        answer = await self.answer(text, **variables)
        assert "errors" not in answer, answer
        data: Json = answer["data"]
        return data

    async def code(self, text: str, /, **variables: Any) -> str:
        """The code of the only error of an answer."""
        (error,) = (await self.answer(text, **variables))["errors"]
        code: str = error["extensions"]["code"]
        return code

    # The first steps of many tests

    async def make_room(self, name: str = "Lounge", kind: str = "PUBLIC", *members: str) -> str:
        made = await self.ask(
            "mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }",
            input={"name": name, "kind": kind, "members": list(members)},
        )
        room: str = made["createRoom"]["room"]["id"]
        return room

    async def post(self, room: str, body: str, client_id: str | None = None, **more: Any) -> Json:
        sent = await self.ask(
            "mutation ($input: SendMessageInput!)"
            " { sendMessage(input: $input) { repeated message { id seq at body } } }",
            input={"roomId": room, "body": body, "clientId": client_id or body, **more},
        )
        message: Json = sent["sendMessage"]["message"]
        return message
