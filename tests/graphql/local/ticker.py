"""A plugin with subscriptions of its own: counted numbers, words that all get, and a room's texts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import chatserver

SDL = """
extend type Subscription {
  "Numbers from 1 on; after the last one it is over."
  numbers(upTo: Int!, way: String = "ends"): Number!
  "Words that somebody says, for all who asked for this channel."
  words(channel: String!): String!
  "The texts of a room."
  texts(roomId: ID!, after: Int): String!
}

"A number."
type Number {
  "It."
  value: Int!
  "It doubled, later."
  doubled: Int!
}
"""


class Number:
    def __init__(self, value: int) -> None:
        self.value = value


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.log: list[str] = []
        self.channels: dict[str, asyncio.Queue[Any]] = {}

    @chatserver.hookimpl
    def register_graphql(self) -> list[chatserver.GraphQLPart]:
        return [
            chatserver.GraphQLPart(
                name="ticker",
                sdl=SDL,
                resolvers={"Number.doubled": self._doubled},
                sources={
                    "Subscription.numbers": chatserver.GraphQLSource(open=self._numbers),
                    "Subscription.words": chatserver.GraphQLSource(
                        open=self._words, shared=True, admit=self._admit
                    ),
                    "Subscription.texts": chatserver.GraphQLSource(open=self._texts),
                },
            )
        ]

    async def _doubled(self, number: Number, info: Any) -> int:
        await asyncio.sleep(0.001)
        return 2 * number.value

    async def _numbers(self, context: Any, up_to: int, way: str) -> AsyncIterator[Number]:
        self.log.append(f"opened for {context.user.name}")
        try:
            for value in range(1, up_to + 1):
                self.log.append(f"made {value}")
                yield Number(value)
            if way == "fails":
                raise RuntimeError("a secret of the plugin")
            if way == "refuses":
                raise chatserver.ChatError("room.forbidden")
            if way == "waits":
                await asyncio.Event().wait()
        finally:
            self.log.append("closed")

    async def _admit(self, context: Any, channel: str) -> None:
        if channel == "secret":
            raise chatserver.ChatError("room.forbidden")
        if channel == "broken":
            raise RuntimeError("a secret of the plugin")
        self.log.append(f"admitted {context.user.name}")

    async def _words(self, context: Any, channel: str) -> AsyncIterator[str]:
        self.log.append(f"opened {channel}")
        queue = self.channels[channel] = asyncio.Queue()
        try:
            while (word := await queue.get()) is not None:
                yield word
        finally:
            self.log.append(f"closed {channel}")

    async def _texts(
        self, context: Any, room_id: str, after: int | None = None
    ) -> AsyncIterator[str]:
        try:
            async for event in context.service.live.events(context.user, room_id, after):
                if isinstance(event, chatserver.MessagePosted):
                    yield event.body or ""
        finally:
            self.log.append("closed texts")
