"""A plugin to which programs post; what it answers, the letter says."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import msgspec

import chatserver
from chatserver.hooks import door
from chatserver.logging import request_id

MOST = 1000  # bytes of a short letter
_mark: ContextVar[str] = ContextVar("mark", default="none")


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.read: list[str] = []  # ways of letters, as they came
        self.cancelled = 0

    @chatserver.hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        return [
            chatserver.Route(
                path="/letters", post=self._post, scopes={"post": chatserver.Scope.WRITE}
            ),
            chatserver.Route(path="/letters/short", post=self._post, body_bytes=MOST),
            chatserver.Route(path="/letters/inside", post=self._post, internal=True),
            chatserver.Route(path="/letters/read/{by}", post=self._post),
        ]

    async def _post(self, request: chatserver.Request) -> chatserver.Reply:
        way = request.query.get("way") or msgspec.json.decode(request.body)["way"]
        self.read.append(way)
        reply: chatserver.Reply = await getattr(self, f"_{way}")(request)
        return reply

    async def _tells(self, request: Any) -> chatserver.Reply:
        names = ("method", "path", "address", "length", "token", "has_cookie")
        told = {name: getattr(request, name) for name in (*names, "is_foreign", "is_secure")}
        told |= {"query": dict(request.query), "parameters": dict(request.parameters)}
        told |= {"agent": request.header("User-Agent"), "host": request.header("hOST")}
        told |= {"none": request.header("X-None"), "cookie": request.cookie("chat_session")}
        told |= {"parts": [part.decode() async for part in request.parts()], "door": door.current()}
        return _reply(told)

    async def _user(self, request: Any) -> chatserver.Reply:
        user = await request.user()
        return _reply([user.id, request.asker])

    async def _text(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body="schön".encode(), content_type="text/plain; charset=utf-8")

    async def _odd(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body=b"x", content_type='text/plain; a="b"')

    async def _empty(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body=b"", status=204)

    async def _creates(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body=b"1", status=201, headers={"Location": "/letters/1"})

    async def _signs_in(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body=b"{}", session="s" * 43)

    async def _bakes(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body=b"{}", cookies=(chatserver.Cookie(name="a", value="b"),))

    async def _streams(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body=self._parts(), content_type="text/event-stream")

    async def _parts(self) -> AsyncIterator[bytes]:
        yield b"one\n"
        yield b"two\n"

    async def _refuses(self, request: Any) -> chatserver.Reply:
        raise chatserver.ChatError("room.forbidden")

    async def _breaks(self, request: Any) -> chatserver.Reply:
        raise RuntimeError("broken on purpose")

    async def _takes_time(self, request: Any) -> chatserver.Reply:
        await asyncio.sleep(0.2)
        return chatserver.Reply(body=b"{}", status=202)

    async def _marks(self, request: Any) -> chatserver.Reply:
        before = _mark.get()
        _mark.set("marked")
        return _reply(before)

    async def _names(self, request: Any) -> chatserver.Reply:
        return chatserver.Reply(body=request_id.get().encode(), status=203)

    async def _waits(self, request: Any) -> chatserver.Reply:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError


def _reply(told: object) -> chatserver.Reply:
    return chatserver.Reply(body=msgspec.json.encode(told))
