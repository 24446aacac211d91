"""Its addresses raise, hang and answer garbage."""

import asyncio
from typing import Any

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        return [
            chatserver.Route(path="/raises", get=self.raises),
            chatserver.Route(path="/hangs", get=self.hangs),
            chatserver.Route(path="/garbage", get=self.garbage),
            chatserver.Route(path="/garbage-inside", get=self.garbage_inside),
        ]

    async def raises(self, request: chatserver.Request) -> chatserver.Reply:
        raise RuntimeError("broken on purpose")

    async def hangs(self, request: chatserver.Request) -> Any:
        await asyncio.Event().wait()

    async def garbage(self, request: chatserver.Request) -> Any:
        return None

    async def garbage_inside(self, request: chatserver.Request) -> Any:
        return chatserver.Reply(body={"not": "bytes"})  # type: ignore[arg-type]
