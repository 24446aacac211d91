"""Fails at a message in the way that its settings say."""

import asyncio
import time
from typing import Any

import chatserver


class Plugin:
    class Config(chatserver.Settings, frozen=True):
        hook: str = "check"
        way: str = "raises"

    def __init__(self, config: Config) -> None:
        self.config = config

    @chatserver.hookimpl
    async def change_message(self, draft: chatserver.Draft) -> Any:
        return await self._fail(draft.body) if self.config.hook == "change" else None

    @chatserver.hookimpl
    async def check_message(self, draft: chatserver.Draft) -> Any:
        return await self._fail(draft.body) if self.config.hook == "check" else None

    @chatserver.hookimpl
    async def on_event(self, event: chatserver.AnyEvent) -> None:
        if self.config.hook == "observe" and isinstance(event, chatserver.MessagePosted):
            await self._fail(event.body)

    async def _fail(self, body: str) -> Any:
        if body != "fail":
            return None
        match self.config.way:
            case "raises":
                raise RuntimeError("broken on purpose")
            case "chat error":
                raise chatserver.StoreUnavailable
            case "exits":
                raise SystemExit(1)
            case "is cancelled":
                raise asyncio.CancelledError
            case "hangs":
                await asyncio.Event().wait()
            case "blocks":
                time.sleep(1.6)  # noqa: ASYNC251 - this is the fault
            case "garbage":
                return 5
            case "garbage inside":
                kind: Any = chatserver.Draft if self.config.hook == "change" else chatserver.Refusal
                fields: Any = (
                    {"room": "r", "body": 5} if kind is chatserver.Draft else {"reason": 5}
                )
                return kind(**fields)
            case "lone surrogate":
                return chatserver.Draft(room="r", body="\ud800")
        return None
