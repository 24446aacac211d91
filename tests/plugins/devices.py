"""A device of a person, which is told of what a plugin changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver.testing.running import Chat, Person


@asynccontextmanager
async def device(chat: Chat, person: Person, plugin: str) -> AsyncIterator[list[Any]]:
    """A connection of the person, with the payloads of the plugin's notices that it gets."""
    request = HTTPRequest(
        f"ws://127.0.0.1:{chat.port}/ws", headers={"Authorization": f"Bearer {person.token}"}
    )
    socket = await websocket_connect(request, subprotocols=["chat.v1"])
    told: list[Any] = []

    async def read() -> None:
        while (text := await socket.read_message()) is not None:
            frame = json.loads(text)
            if frame.get("ev") == "plugin.notice" and frame["plugin"] == plugin:
                told.append(frame["payload"])

    await socket.write_message(json.dumps({"id": 1, "op": "rooms"}))
    while json.loads(await socket.read_message() or "null").get("re") != 1:
        pass  # from this answer on it is told of changes
    reading = asyncio.create_task(read())
    try:
        yield told
    finally:
        socket.close()
        reading.cancel()
