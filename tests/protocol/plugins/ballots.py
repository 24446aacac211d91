"""A plugin with operations of its own."""

import asyncio
from typing import Annotated, Any

import msgspec

import chatserver


class Vote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    poll: str
    choice: Annotated[int, msgspec.Meta(ge=1, le=3)]
    note: str = ""


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.go_on = asyncio.Event()

    @chatserver.hookimpl
    def register_operations(self, context: chatserver.Context) -> list[chatserver.Operation]:
        add = chatserver.Operation
        return [
            add(name="ballots.vote", arguments=Vote, run=self._vote),
            add(name="ballots.any", arguments=dict[str, Any], run=self._any),
            add(name="ballots.refuse", arguments=dict[str, Any], run=self._refuse),
            add(name="ballots.fail", arguments=dict[str, Any], run=self._fail),
            add(name="ballots.hang", arguments=dict[str, Any], run=self._hang, deadline=0.2),
            add(name="ballots.wait", arguments=dict[str, Any], run=self._wait),
        ]

    async def _vote(self, user: chatserver.User, vote: Vote) -> object:
        return {"user": user.id, "vote": vote}

    async def _any(self, user: chatserver.User, given: dict[str, Any]) -> object:
        return given

    async def _refuse(self, user: chatserver.User, given: dict[str, Any]) -> object:
        raise chatserver.ChatError("room.forbidden")

    async def _fail(self, user: chatserver.User, given: dict[str, Any]) -> object:
        raise RuntimeError("broken on purpose")

    async def _hang(self, user: chatserver.User, given: dict[str, Any]) -> object:
        await asyncio.Event().wait()
        return None

    async def _wait(self, user: chatserver.User, given: dict[str, Any]) -> object:
        await self.go_on.wait()
        return "waited"

    async def go(self, server: object) -> None:
        """Let the one that waits go on."""
        self.go_on.set()
