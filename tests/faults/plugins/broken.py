"""A plugin that goes wrong in the hook and the way it is told to.

By its settings, or while it runs by a file `trigger` in its folder that holds both words.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

import chatserver


class Text(msgspec.Struct, frozen=True):
    text: chatserver.Rest = ""


class Plugin:
    """Every hook there is."""

    class Config(chatserver.Settings, frozen=True):
        hook: str = ""
        how: str = ""
        block_seconds: float = 1.6

    def __init__(self, config: Config, data: Path) -> None:
        self.config, self.trigger = config, data / "trigger"
        self.leaked: list[object] = []

    def _way(self, hook: str) -> str:
        if self.config.hook == hook:
            return self.config.how
        try:
            told, how = self.trigger.read_text().split()
        except (OSError, ValueError):
            return ""
        return how if told == hook else ""

    def _go_wrong(self, hook: str) -> Any:
        how = self._way(hook)
        if how == "raise":
            raise RuntimeError("broken on purpose")
        if how == "block":
            time.sleep(self.config.block_seconds)
        if how == "garbage":
            return 42
        if how == "no-json":
            return {"value": object()}
        return None

    async def _go_wrong_later(self, hook: str) -> Any:
        how = self._way(hook)
        if how == "hang":
            await asyncio.sleep(3600)
        if how == "leak":
            self.leaked.append(bytearray(1 << 20))
            self.leaked.append(asyncio.create_task(self._fail()))
        return self._go_wrong(hook)

    async def _fail(self) -> None:
        raise RuntimeError("a task that nobody waits for")

    @chatserver.hookimpl
    def register_routes(self) -> Sequence[chatserver.Route]:
        return self._go_wrong("register_routes") or [chatserver.Route(path="/broken", get=self.get)]

    @chatserver.hookimpl
    def register_health_checks(self) -> Sequence[chatserver.HealthCheck]:
        check = chatserver.HealthCheck("broken", self.check)
        return self._go_wrong("register_health_checks") or [check]

    @chatserver.hookimpl
    def register_commands(self) -> Sequence[chatserver.Command]:
        command = chatserver.Command(
            name="break",
            about="Goes wrong.",
            arguments=Text,
            run=self.command,
            complete=self.completion,
        )
        return self._go_wrong("register_commands") or [command]

    async def command(self, invocation: chatserver.Invocation[Any]) -> Any:
        return await self._go_wrong_later("command")

    async def completion(self, completion: chatserver.Completion) -> Any:
        return await self._go_wrong_later("completion")

    async def get(self, request: chatserver.Request) -> chatserver.Reply:
        reply = await self._go_wrong_later("route")
        return reply or chatserver.Reply(body=b"{}")

    async def check(self) -> Mapping[str, Any]:
        found = await self._go_wrong_later("health_check")
        return found or {}

    @chatserver.hookimpl
    async def change_message(self) -> Any:
        return await self._go_wrong_later("change_message")

    @chatserver.hookimpl
    async def check_message(self) -> Any:
        return await self._go_wrong_later("check_message")

    @chatserver.hookimpl
    async def on_event(self) -> Any:
        return await self._go_wrong_later("on_event")

    @chatserver.hookimpl
    async def on_login(self) -> Any:
        return await self._go_wrong_later("on_login")

    @chatserver.hookimpl
    async def startup(self) -> Any:
        return await self._go_wrong_later("startup")

    @chatserver.hookimpl
    async def shutdown(self) -> Any:
        return await self._go_wrong_later("shutdown")
