"""A plugin that is a door: all methods, streamed answers, and a WebSocket that talks back."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import chatserver

BIG = b"x" * 65536


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.log: list[str] = []  # what happened to streams and sockets
        self.seen: list[chatserver.Request] = []

    @chatserver.hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        self._service = context.service
        door = chatserver.SocketDoor(subprotocols=("two", "one"), open=self._open)
        return [
            chatserver.Route(
                path="/door", get=self._show, post=self._post, delete=self._delete, socket=door
            ),
            chatserver.Route(path="/door/socket", socket=chatserver.SocketDoor(open=self._open)),
            chatserver.Route(path="/door/stream", get=self._stream),
            chatserver.Route(path="/door/fails", get=self._fail),
        ]

    async def _show(self, request: chatserver.Request) -> chatserver.Reply:
        self.seen.append(request)
        shown = {
            "method": request.method,
            "path": request.path,
            "address": request.address,
            "body": request.body.decode(),
            "query": dict(request.query),
            "agent": request.header("user-agent"),
            "none": request.header("X-None"),
            "token": request.token,
            "has_cookie": request.has_cookie,
            "is_foreign": request.is_foreign,
        }
        return chatserver.Reply(body=json.dumps(shown).encode(), headers={"X-Door": "open"})

    async def _post(self, request: chatserver.Request) -> chatserver.Reply:
        user = await request.user()
        room = await self._service.rooms.get(request.query["room"])
        event, _ = await self._service.messages.post(user, room, "1", request.body.decode())
        return chatserver.Reply(body=str(event.seq).encode(), status=201, content_type="text/plain")

    async def _delete(self, request: chatserver.Request) -> chatserver.Reply:
        return chatserver.Reply(body=b"", status=204)

    async def _fail(self, request: chatserver.Request) -> chatserver.Reply:
        if "code" in request.query:
            raise chatserver.ChatError(request.query["code"])
        raise RuntimeError("broken on purpose")

    async def _stream(self, request: chatserver.Request) -> chatserver.Reply:
        return chatserver.Reply(
            body=self._parts(request.query["way"]), content_type="text/event-stream"
        )

    async def _parts(self, way: str) -> AsyncIterator[bytes]:
        try:
            yield b"one\n"
            yield b"two\n"
            if way == "fails":
                raise RuntimeError("broken on purpose")
            if way == "refuses":
                raise chatserver.ChatError("room.forbidden")
            while way == "floods":
                self.log.append("part")
                yield BIG
            if way == "waits":
                await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.log.append("closed")

    def _open(self, request: chatserver.Request, socket: chatserver.Socket) -> "End":
        self.seen.append(request)
        if request.query.get("way") == "fails":
            raise RuntimeError("broken on purpose")
        return End(self, request, socket)


class End:
    """Answers by what the frame's `op` is; says hello, as a client of `chat.v1` expects it."""

    def __init__(self, plugin: Plugin, request: chatserver.Request, socket: Any) -> None:
        self._plugin, self._socket = plugin, socket
        socket.on_drained = lambda: plugin.log.append("drained")
        self._slow = asyncio.Event()
        self._slow.set()
        self._say({"sys": "hello", "token": request.token, "query": dict(request.query)})

    def on_text(self, payload: bytes) -> None:
        frame = json.loads(payload)
        match frame["op"]:
            case "fail":
                raise RuntimeError("broken on purpose")
            case "flood":
                for _ in range(frame["count"]):
                    self._socket.send(chatserver.text_frame(b'{"re": 0, "ok": "%s"}' % BIG))
            case "close":
                self._socket.close(frame["code"], "as you wish")
            case "slow":
                self._slow.clear()
                asyncio.get_running_loop().call_later(0.3, self._answer_late, frame)
            case _:
                self._say({"re": frame["id"], "ok": frame})

    def on_binary(self, payload: bytes) -> None:
        self._say({"sys": "binary", "size": len(payload)})

    def on_close(self, code: int | None, reason: str | None) -> None:
        self._plugin.log.append(f"closed {code}")

    def on_drain(self, after_ms: int) -> None:
        self._say({"sys": "drain", "after_ms": after_ms})

    async def settle(self) -> None:
        await self._slow.wait()

    def _answer_late(self, frame: Any) -> None:
        self._say({"re": frame["id"], "ok": "late"})
        self._slow.set()

    def _say(self, frame: Any) -> None:
        self._socket.send(chatserver.text_frame(json.dumps(frame).encode()))
