"""Clients of the Model Context Protocol, each with the token of a bot, and a server for them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from chatserver import ChatError
from chatserver.testing.running import ANSWER_SECONDS, Chat, Person, running

READING = ["list_rooms", "read_room", "read_thread", "search_messages", "find_members", "mark_read"]
WRITING = ["send_message", "react"]


class Assistant:
    """A client that acts as a bot, by one token."""

    def __init__(self, client: httpx.AsyncClient, bot: str, token: Any) -> None:
        self._client, self.bot, self.id = client, bot, token["token"]["id"]
        self.headers = {"Authorization": f"Bearer {token['secret']}"}

    async def post(self, body: object, **headers: str | None) -> httpx.Response:
        """Send a body, as JSON if it is no bytes. A header that is None is left out."""
        sent: dict[str, str | None] = {"Content-Type": "application/json"} | self.headers
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name: value for name, value in sent.items() if value is not None}
        return await self._client.post("/mcp", content=content, headers=given)

    async def ask(self, method: str, **params: object) -> Any:
        """The result of a request."""
        answer = await self.post(request(method, **params))
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        assert (answer.json()["jsonrpc"], answer.json()["id"]) == ("2.0", 1)
        return answer.json()["result"]

    async def call(self, tool: str, **arguments: object) -> Any:
        """What a tool answers. Raises `ChatError` for an error of the server."""
        result = await self.ask("tools/call", name=tool, arguments=arguments)
        given = result["structuredContent"]
        (content,) = result["content"]
        assert content["type"] == "text"
        assert json.loads(content["text"]) == given
        if result["isError"]:
            raise ChatError(given["code"], given["message"], detail=given.get("detail"))
        return given

    async def get(self, path: str) -> Any:
        """What HTTP answers to the same bot."""
        answer = await self._client.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def tools(self) -> list[str]:
        return [tool["name"] for tool in (await self.ask("tools/list"))["tools"]]


class Scene:
    """A server with a person, and assistants for their bots."""

    def __init__(self, chat: Chat, ada: Person, client: httpx.AsyncClient) -> None:
        self.chat, self.ada, self.client = chat, ada, client

    async def assistant(self, *scopes: str, bot: str = "") -> Assistant:
        """An assistant with a token of these scopes, of a new bot unless `bot` names one (id)."""
        if not bot:
            count = len((await self.ada.http("GET", "/api/v1/bots")).json["bots"])
            made = await self.ada.http("POST", "/api/v1/bots", {"username": f"robo-{count}"})
            bot = made.json["id"]
        given = {"label": "assistant", "scopes": scopes}
        token = await self.ada.http("POST", f"/api/v1/bots/{bot}/tokens", given)
        assert token.status == 201, token.body
        return Assistant(self.client, bot, token.json)

    async def invite(self, assistant: Assistant, room: Any) -> None:
        await self.chat.service.rooms.invite(self.ada.user, room, assistant.bot)


@asynccontextmanager
async def serving(*plugins: str, **settings: object) -> AsyncIterator[Scene]:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    async with (
        running("mcp", "bots", *plugins, settings=given) as chat,
        httpx.AsyncClient(base_url=chat.url, timeout=ANSWER_SECONDS) as client,
    ):
        yield Scene(chat, await chat.user("ada"), client)


def request(method: str, **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
