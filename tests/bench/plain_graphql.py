"""The plain way of GraphQL, to compare with: Ariadne as its documentation shows it, on Tornado.

`ariadne.subscribe` runs for each client over a queue of its own, and each result is encoded and
written for that client alone. A query is read, validated and executed anew each time. Beside it is
the plain chat of plain.py, which is where messages come from.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import ariadne
from tornado.escape import json_decode, json_encode
from tornado.websocket import WebSocketHandler

from tests.bench.plain import ChatSocket, rooms_of, serve, user_of

SCHEMA = """
type Query { room(id: ID!): Room  rooms(first: Int = 50): RoomConnection! }
type RoomConnection { nodes: [Room!]! }
type Room { id: ID! name: String head: Int! unread: Int! messages(last: Int = 50): [Message!]! }
type User { id: ID! name: String! }
type Message { id: ID! seq: Int! body: String! at: String! author: User! }
type Subscription { roomEvents(roomId: ID!, after: Int): RoomEvent! }
union RoomEvent = MessagePosted
type MessagePosted { seq: Int! message: Message! }
"""
AUTHOR = {"id": "1", "name": "somebody"}

query, room_type = ariadne.QueryType(), ariadne.ObjectType("Room")
subscription, event_type = ariadne.SubscriptionType(), ariadne.UnionType("RoomEvent")
listeners: dict[str, set["asyncio.Queue[dict[str, Any]]"]] = {}


@query.field("room")
def resolve_room(parent: object, info: Any, id: str) -> dict[str, object]:
    return {"id": id, "name": id, "head": 0, "unread": 0}


@query.field("rooms")
async def resolve_rooms(parent: object, info: Any, first: int) -> dict[str, Any]:
    found = await rooms_of(info.context, info.context["user"], first)
    return {"nodes": [room | {"head": 0} for room in found]}


@room_type.field("messages")
async def resolve_messages(parent: Any, info: Any, last: int) -> list[dict[str, Any]]:
    messages = info.context["messages"]
    found = await messages.find({"room": parent["id"]}).sort("_id", -1).limit(last).to_list(None)
    return [shown(message) for message in found[::-1]]


@subscription.source("roomEvents")
async def room_events(
    parent: object, info: Any, roomId: str, after: int
) -> AsyncIterator[dict[str, Any]]:
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    listeners.setdefault(roomId, set()).add(queue)
    try:
        while True:
            yield await queue.get()
    finally:
        listeners[roomId].discard(queue)


@subscription.field("roomEvents")
def resolve_event(event: dict[str, Any], info: Any, roomId: str, after: int) -> dict[str, Any]:
    return event


@event_type.type_resolver
def type_of(value: object, info: Any, kind: Any) -> str:
    return "MessagePosted"


schema = ariadne.make_executable_schema(SCHEMA, query, room_type, subscription, event_type)


def shown(message: dict[str, Any]) -> dict[str, Any]:
    id = str(message.get("_id") or message.get("id"))
    return {"id": id, "seq": 0, "body": message["body"], "at": message["at"], "author": AUTHOR}


class GraphQL(WebSocketHandler):
    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    def open(self) -> None:
        self.set_nodelay(True)
        self.tasks: list[asyncio.Task[None]] = []

    def on_close(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def on_message(self, message: str | bytes) -> None:
        given = json_decode(message)
        if given["type"] == "connection_init":
            self.write_message({"type": "connection_ack"})
        elif given["type"] == "ping":
            self.write_message({"type": "pong"})
        elif given["type"] == "subscribe":
            self.tasks.append(asyncio.create_task(self.run(given["id"], given["payload"])))

    async def run(self, id: str, payload: dict[str, Any]) -> None:
        is_ok, results = await ariadne.subscribe(schema, payload)
        assert is_ok, results
        async for result in results:  # type: ignore[union-attr]
            self.write_message({"id": id, "type": "next", "payload": {"data": result.data}})

    async def post(self) -> None:
        context = self.settings | {"user": user_of(self.request)}
        is_ok, result = await ariadne.graphql(
            schema, json_decode(self.request.body), context_value=context
        )
        self.set_status(200 if is_ok else 400)
        self.set_header("Content-Type", "application/json")
        self.finish(json_encode(result))


class Chat(ChatSocket):
    """The chat, whose messages go to subscriptions too."""

    def tell(self, message: dict[str, Any]) -> None:
        super().tell(message)
        event = {"seq": 0, "message": shown(message)}
        for queue in listeners.get(message["room"], ()):
            queue.put_nowait(event)


if __name__ == "__main__":
    handlers = [(r"/ws", Chat), (r"/graphql", GraphQL)]
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], handlers))
