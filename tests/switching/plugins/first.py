"""A plugin that is asked before others, and waits when it is told to."""

import asyncio

import chatserver
from chatserver import hookimpl


class Plugin:
    class Config(chatserver.Settings, frozen=True, kw_only=True):
        demands: bool = True

    def __init__(self, config: Config) -> None:
        self._demands = config.demands
        self.gate, self.is_waiting = asyncio.Event(), False

    @hookimpl
    async def check_message(self, draft: chatserver.Draft) -> None:
        if draft.body == "wait first":
            self.is_waiting = True
            await self.gate.wait()

    @hookimpl
    def register_login_methods(self) -> list[chatserver.LoginMethod]:
        async def demand(user: chatserver.User, identity: chatserver.Identity) -> bool:
            return False

        if not self._demands:
            return []

        async def step(*given: object) -> chatserver.Refusal:
            return chatserver.Refusal("no")

        async def begin(flow: chatserver.LoginFlow) -> chatserver.Refusal:
            return await step()

        async def proceed(flow: chatserver.LoginFlow, answer: object) -> chatserver.Refusal:
            return await step()

        return [
            chatserver.LoginMethod(
                name="first",
                label="First",
                begin=begin,
                proceed=proceed,
                purposes=("challenge",),
                demand=demand,
            )
        ]
