"""Emoji in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import GraphQLPart, Scope, read_input
from chatserver_plugins.emoji.desk import Desk, EmojiView, Name, NewEmoji

SDL = """
extend type Query {
  "The server's own emoji, by name."
  emoji: [Emoji!]
}

extend type Mutation {
  "Add an emoji. For staff of the server, and for members if `plugin.emoji.adders` says so."
  addEmoji(input: AddEmojiInput!): AddEmojiPayload
  "Remove an emoji: messages then show its name. For staff of the server, and for members who added it and may add some."
  removeEmoji(input: RemoveEmojiInput!): RemoveEmojiPayload
}

"A small picture of the server's own, which `:name:` in a message or a reaction stands for."
type Emoji {
  "The name, without colons."
  name: String!
  "The path of the picture on this server. Nothing at it ever changes."
  url: String!
  "The media type of the picture."
  mediaType: String!
  "The width in pixels."
  width: Int!
  "The height in pixels."
  height: Int!
  "Who added it."
  by: EmojiAuthor!
  "When it was added."
  at: DateTime!
}

"The user who added an emoji."
type EmojiAuthor {
  "The id."
  id: ID!
  "The display name."
  name: String!
}

"An emoji to add."
input AddEmojiInput {
  "The name, without colons: 2 to 30 of a-z, 0-9, _ and -."
  name: String!
  "The PNG, GIF, WebP or JPEG, in base64. What does not fit into `limits.http_body_bytes` goes over HTTP."
  picture: String!
}

"The result of adding an emoji."
type AddEmojiPayload {
  "The emoji."
  emoji: Emoji!
}

"An emoji to remove."
input RemoveEmojiInput {
  "The name, without colons."
  name: String!
}

"The result of removing an emoji."
type RemoveEmojiPayload {
  "The name of the emoji that is gone."
  name: String!
}
"""


class Added(NamedTuple):
    """An `AddEmojiPayload`."""

    emoji: EmojiView


class Removed(NamedTuple):
    """A `RemoveEmojiPayload`."""

    name: str


class Remove(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: Name


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def emoji(parent: object, info: Any) -> Sequence[EmojiView]:
        return (await desk().all(info.context.user)).emoji

    async def add(parent: object, info: Any, input: dict[str, Any]) -> Added:
        asking, given = info.context, read_input(input, NewEmoji)
        return Added(await desk().add(asking.user, asking.address, given))

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        asking, given = info.context, read_input(input, Remove)
        await desk().remove(asking.user, asking.address, given.name)
        return Removed(given.name)

    return GraphQLPart(
        name="emoji",
        sdl=SDL,
        resolvers={
            "Query.emoji": emoji,
            "Mutation.addEmoji": add,
            "Mutation.removeEmoji": remove,
        },
        costs={"Query.emoji": 50, "Mutation.addEmoji": 50, "Mutation.removeEmoji": 20},
        lengths={"Query.emoji": 100},
        scopes={"Query.emoji": Scope.READ},
    )
