"""A client of graphql-transport-ws, frame by frame, that can also misbehave."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.graphql.asker import PATH, Json, without_cost
from tests.protocol.client import ANSWER_SECONDS, Client, Frame

EVENTS = """subscription Events($room: ID!, $after: Int, $epoch: String) {
  roomEvents(roomId: $room, after: $after, epoch: $epoch) {
    __typename
    ... on RoomLogEntry { seq }
    ... on MessagePosted { message { body } }
    ... on StreamGap { head epoch }
  }
}"""


class Speaker(Client):
    """`async with Speaker(port) as s: await s.init(token); s.subscribe("1", EVENTS, room=room)`."""

    def __init__(self, port: int, token: str | None = None, **options: Any) -> None:
        given = {"path": PATH, "subprotocol": "graphql-transport-ws", **options}
        super().__init__(port, token, **given)
        self._names = itertools.count(1)
        self._held: list[bytes] | None = None
        self._frames: dict[str, asyncio.Queue[Frame]] = {}

    async def _greet(self) -> None:
        """The client speaks first."""

    async def init(self, token: str | None = None, **payload: Any) -> Frame:
        if token is not None:
            payload["token"] = token
        self.say({"type": "connection_init", "payload": payload})
        acknowledged = await self.of("connection_ack")
        assert acknowledged["type"] == "connection_ack", acknowledged
        return acknowledged

    def subscribe(self, name: str, text: str, /, **variables: Any) -> None:
        payload = {"query": text, "variables": variables}
        self.say({"id": name, "type": "subscribe", "payload": payload})

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Frames sent inside this block arrive together."""
        self._held = []
        yield
        data, self._held = b"".join(self._held), None
        self.raw(data)

    def raw(self, data: bytes) -> None:
        if self._held is None:
            super().raw(data)
        else:
            self._held.append(data)

    def complete(self, name: str) -> None:
        self.say({"id": name, "type": "complete"})

    async def of(self, name: str) -> Frame:
        """The next frame of an operation, or of a type without one. {} when the socket is closed."""
        return await asyncio.wait_for(self._queue(name).get(), ANSWER_SECONDS)

    async def data(self, name: str) -> Json:
        """The data of the next result of an operation."""
        frame = await self.of(name)
        assert frame.get("type") == "next", frame
        assert "errors" not in frame["payload"], frame
        data: Json = frame["payload"]["data"]
        return data

    async def room_event(self, name: str) -> Json:
        event: Json = (await self.data(name))["roomEvents"]
        return event

    async def seqs(self, name: str, count: int) -> list[int]:
        return [(await self.room_event(name))["seq"] for _ in range(count)]

    async def error_code(self, name: str) -> str:
        """The code of the `error` that an operation ends with."""
        frame = await self.of(name)
        assert frame.get("type") == "error", frame
        (error,) = frame["payload"]
        code: str = error["extensions"]["code"]
        return code

    async def run(self, text: str, /, **variables: Any) -> Json:
        """The result of a query or a mutation, without what it cost."""
        name = f"run-{next(self._names)}"
        self.subscribe(name, text, **variables)
        frame = await self.of(name)
        assert frame.get("type") == "next", frame
        assert await self.of(name) == {"id": name, "type": "complete"}
        return without_cost(frame["payload"])

    async def ping(self, payload: Mapping[str, Any] | None = None) -> Frame:
        self.say({"type": "ping"} if payload is None else {"type": "ping", "payload": payload})
        return await self.of("pong")

    async def silent(self, name: str) -> None:
        """Nothing came for an operation that was not taken, up to the answer to a ping."""
        await self.ping()
        assert self._queue(name).empty(), self._queue(name).get_nowait()

    def _queue(self, name: str) -> "asyncio.Queue[Frame]":
        return self._frames.setdefault(name, asyncio.Queue())

    def _dispatch(self, frame: Frame) -> None:
        self.received.append(frame)
        self._queue(frame.get("id", frame["type"])).put_nowait(frame)
