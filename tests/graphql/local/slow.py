"""A plugin with fields that take their time, or fail."""

import asyncio
from collections.abc import Sequence
from typing import Any

import chatserver

SDL = """
extend type Query {
  "Answers with `seconds`, after them."
  slow("How long it takes." seconds: Float!): Float!
}

extend type Message {
  "The number of characters, counted slowly."
  size: Int!
  "Whose eyes see it."
  viewer: String!
}
"""


class Plugin:
    """`fails` is raised instead of an answer of `Message.size`."""

    def __init__(self, config: chatserver.Settings) -> None:
        self.fails: Exception | None = None
        self.counted = 0

    @chatserver.hookimpl
    def register_graphql(self) -> Sequence[chatserver.GraphQLPart]:
        resolvers = {
            "Query.slow": slow,
            "Message.size": self.size,
            "Message.viewer": viewer,
        }
        return [chatserver.GraphQLPart(name="slow", sdl=SDL, resolvers=resolvers)]

    async def size(self, parent: chatserver.Message, info: Any) -> int:
        await asyncio.sleep(0.001 * (parent.seq % 3))
        if self.fails is not None:
            raise self.fails
        self.counted += 1
        return len(parent.body)


async def slow(parent: object, info: Any, seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def viewer(parent: chatserver.Message, info: Any) -> str:
    name: str = info.context.user.username
    return name
