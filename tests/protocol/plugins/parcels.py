"""A plugin with parameters in its paths and with bodies that it reads part by part."""

import asyncio
import hashlib
import json
from typing import Any

import chatserver

MOST = 300_000_000
DEADLINE = 5.0


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.log: list[str] = []
        self.go_on = asyncio.Event()

    @chatserver.hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        door = chatserver.SocketDoor(open=self._open)
        big: dict[str, Any] = {"streams_body": True, "body_bytes": MOST, "deadline": DEADLINE}
        return [
            chatserver.Route(path="/up/{rest...}", get=self._show),
            chatserver.Route(path="/up/{room}/{name}", get=self._show, socket=door),
            chatserver.Route(path="/up/{room}/fixed", get=self._show),
            chatserver.Route(path="/up/{room}", post=self._take, get=self._show, **big),
            chatserver.Route(path="/first/{way}", post=self._take_some, **big),
            chatserver.Route(
                path="/small/{way}", post=self._take_some, streams_body=True, body_bytes=100
            ),
            chatserver.Route(path="/whole", post=self._take, body_bytes=100),
            chatserver.Route(path="/broken/{way}", get=self._fail, show_error=self._shown),
        ]

    async def _show(self, request: chatserver.Request) -> chatserver.Reply:
        return chatserver.Reply(body=json.dumps(dict(request.parameters)).encode())

    async def _take(self, request: chatserver.Request) -> chatserver.Reply:
        user = await request.user()
        self.log.append(f"{user.username} begins")
        digest, parts, size = hashlib.sha256(), 0, 0
        try:
            async for part in request.parts():
                digest.update(part)
                parts, size = parts + 1, size + len(part)
        except chatserver.ChatError as error:
            self.log += [f"{size} bytes", error.code]
            raise
        told = {
            "size": size,
            "parts": parts,
            "sha256": digest.hexdigest(),
            "length": request.length,
            "body": len(request.body),
        }
        return chatserver.Reply(body=json.dumps(told).encode())

    async def _take_some(self, request: chatserver.Request) -> chatserver.Reply:
        match request.parameters["way"]:
            case "none":
                pass
            case "waits":
                await self.go_on.wait()
            case "fails":
                raise RuntimeError("broken on purpose")
            case "refuses":
                raise chatserver.ChatError("room.forbidden")
            case "all":
                async for part in request.parts():
                    self.log.append(str(len(part)))
            case _:
                async for _part in request.parts():
                    break
        return chatserver.Reply(body=b"{}")

    async def go(self, server: object) -> None:
        """Let the one that waits go on."""
        self.go_on.set()

    async def _fail(self, request: chatserver.Request) -> chatserver.Reply:
        raise chatserver.ChatError("room.forbidden")

    def _shown(self, error: chatserver.ChatError) -> bytes:
        return json.dumps({"mine": error.code}).encode()

    def _open(self, request: chatserver.Request, socket: chatserver.Socket) -> "End":
        shown = json.dumps({"sys": "hello", **request.parameters})
        socket.send(chatserver.text_frame(shown.encode()))
        return End()


class End:
    def on_text(self, payload: bytes) -> None: ...
    def on_binary(self, payload: bytes) -> None: ...
    def on_close(self, code: int | None, reason: str | None) -> None: ...
    def on_drain(self, after_ms: int) -> None: ...
    async def settle(self) -> None: ...
