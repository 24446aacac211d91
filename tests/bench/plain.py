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

from bson import ObjectId
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern
from tornado.escape import json_decode
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

CONCERNS = {
    "w1": WriteConcern(w=1, j=False),  # of a standalone mongod: in the journal within 100 ms
    "majority": WriteConcern(w="majority", j=True),
}
MOST_ROOMS = 1000
NOTHING = ObjectId("0" * 24)  # read so far: before every message


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


async def rooms_of(settings: Any, user: str, limit: int = MOST_ROOMS) -> list[dict[str, Any]]:
    """The user's rooms, with their newest message and the number of those that the user has not read."""
    joined = await settings["members"].find({"user": user}).sort("room", 1).to_list(limit)
    read = {member["room"]: member["read"] for member in joined}
    rooms = await settings["rooms"].find({"_id": {"$in": list(read)}}).sort("_id", 1).to_list(limit)
    unread = [{"room": room, "_id": {"$gt": upto}} for room, upto in read.items()]
    pipeline: list[dict[str, Any]] = [
        {"$match": {"$or": unread or [{"_id": None}]}},
        {"$group": {"_id": "$room", "unread": {"$sum": 1}, "head": {"$max": "$_id"}}},
    ]
    counted = await settings["messages"].aggregate(pipeline).to_list(limit)
    counts = {each["_id"]: each for each in counted}
    return [
        {
            "id": room["_id"],
            "name": room["name"],
            "read": str(read[room["_id"]]),
            "head": str(counts[room["_id"]]["head"]) if room["_id"] in counts else "",
            "unread": counts[room["_id"]]["unread"] if room["_id"] in counts else 0,
        }
        for room in rooms
    ]


def user_of(request: HTTPServerRequest) -> str:
    """There are no accounts: the token is the user's name."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


class Rooms(RequestHandler):
    async def get(self) -> None:
        self.write({"rooms": await rooms_of(self.settings, user_of(self.request))})

    async def post(self) -> None:
        given = json_decode(self.request.body)
        name, members = given["name"], given["members"]
        room = {"$set": {"name": name}}
        await self.settings["rooms"].update_one({"_id": name}, room, upsert=True)
        await self.settings["members"].insert_many(
            [{"user": user, "room": name, "read": NOTHING} for user in members]
        )
        self.set_status(201)
        self.write({"id": name})


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
    client = AsyncIOMotorClient(uri)
    collections = {
        name: client[database].get_collection(name, write_concern=CONCERNS[concern])
        for name in ("messages", "rooms", "members")
    }
    await collections["messages"].create_index([("room", 1), ("_id", -1)])
    await collections["members"].create_index([("user", 1), ("room", 1)])
    Application(
        [
            *sockets,
            (r"/api/v1/rooms/([^/]+)/messages", History),
            (r"/api/v1/rooms", Rooms),
            (r"/ready", Ready),
        ],
        **collections,
    ).listen(port, "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]))
