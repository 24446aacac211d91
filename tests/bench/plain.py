"""The plain Tornado way, to compare with: what the chat demo of Tornado does, plus a database.

https://github.com/tornadoweb/tornado/tree/stable/demos/websocket: one handler a connection, a set
of those in a room, `write_message` with a dict for each of them. A message is stored with one
`insert_one` before it is sent on. No accounts, rights or numbering. It speaks the part of `chat.v1`
that the load uses, so that both servers get the same load.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern
from tornado.escape import json_decode
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

CONCERNS = {
    "w1": WriteConcern(w=1, j=False),  # of a standalone mongod: in the journal within 100 ms
    "majority": WriteConcern(w="majority", j=True),
}


class ChatSocket(WebSocketHandler):
    rooms: dict[str, set["ChatSocket"]] = {}

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    def open(self) -> None:
        self.set_nodelay(True)
        self.mine: list[str] = []

    def on_close(self) -> None:
        for room in self.mine:
            self.rooms[room].discard(self)

    async def on_message(self, message: str | bytes) -> None:
        op = json_decode(message)
        if op["op"] == "send":
            await self.post(op)
        elif op["op"] == "sub":
            for room in op["rooms"]:
                self.rooms.setdefault(room, set()).add(self)
                self.mine.append(room)
            self.write_message({"re": op["id"], "ok": {}})
        else:
            self.write_message({"re": op["id"], "ok": {}})

    async def post(self, op: dict[str, Any]) -> None:
        message = {
            "room": op["room"],
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "client_id": op["client_id"],
            "body": op["body"],
        }
        stored = await self.settings["messages"].insert_one(message)
        message["id"] = str(message.pop("_id", stored.inserted_id))
        self.tell(message)
        self.write_message({"re": op["id"], "ok": {"id": message["id"]}})

    def tell(self, message: dict[str, Any]) -> None:
        for listener in self.rooms.get(message["room"], set()):
            listener.write_message({"ev": "message.posted", **message})


class History(RequestHandler):
    async def get(self, room: str) -> None:
        limit = int(self.get_query_argument("limit", "50"))
        found = self.settings["messages"].find({"room": room}).sort("_id", -1).limit(limit)
        messages = await found.to_list(None)
        for message in messages:
            message["id"] = str(message.pop("_id"))
        self.write({"messages": messages[::-1]})


class Ready(RequestHandler):
    def get(self) -> None:
        self.write({})


async def serve(
    port: int,
    uri: str,
    database: str,
    concern: str,
    sockets: Sequence[tuple[str, type[RequestHandler]]] = ((r"/ws", ChatSocket),),
) -> None:
    messages = AsyncIOMotorClient(uri)[database].get_collection(
        "messages", write_concern=CONCERNS[concern]
    )
    await messages.create_index([("room", 1), ("_id", -1)])
    Application(
        [
            *sockets,
            (r"/api/v1/rooms/([^/]+)/messages", History),
            (r"/ready", Ready),
        ],
        messages=messages,
    ).listen(port, "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]))
