"""Saved messages in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, GraphQLPart, read_input
from chatserver_plugins.saved.shelf import PAGE, Id, Saved, Shelf

SDL = """
extend type Query {
  "The messages that the user has saved, the last saved first."
  savedMessages(
    "Number of items, at most 50."
    first: Int = 50
    "The id of the message after which the page begins."
    after: ID
  ): [SavedMessage!]
}

extend type Mutation {
  "Save a message for later. One that is saved keeps its place."
  saveMessage(input: SaveMessageInput!): SaveMessagePayload
  "Remove a message from those that are saved."
  unsaveMessage(input: SaveMessageInput!): UnsaveMessagePayload
}

"A message that the user has saved."
type SavedMessage {
  "The id of the message."
  id: ID!
  "When it was saved."
  at: DateTime!
  "The message as it stands; null if it is gone, or the user may not read it any more."
  message: Message
}

"A message to save, or to remove from those that are saved."
input SaveMessageInput {
  "The message."
  messageId: ID!
}

"A message that was saved."
type SaveMessagePayload {
  "The message."
  savedMessage: SavedMessage!
}

"What was removed."
type UnsaveMessagePayload {
  "The id of the message."
  messageId: ID!
  "Whether it had been saved."
  wasSaved: Boolean!
}
"""


class Kept(NamedTuple):
    """A `SaveMessagePayload`."""

    saved_message: Saved


class Dropped(NamedTuple):
    """An `UnsaveMessagePayload`."""

    message_id: str
    was_saved: bool


class Which(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id


def part(shelf: Callable[[], Shelf]) -> GraphQLPart:
    """The part, for a shelf that exists once requests come."""

    async def listed(
        parent: object, info: Any, first: int | None = None, after: str | None = None
    ) -> Sequence[Saved]:
        count = PAGE if first is None else first
        if not 1 <= count <= PAGE:
            raise ChatError("request.invalid", f"first: expected a number from 1 to {PAGE}.")
        return (await shelf().page(info.context.user, after or "", count)).saved

    async def save(parent: object, info: Any, input: dict[str, Any]) -> Kept:
        return Kept(await shelf().save(info.context.user, read_input(input, Which).message_id))

    async def drop(parent: object, info: Any, input: dict[str, Any]) -> Dropped:
        message = read_input(input, Which).message_id
        return Dropped(message, await shelf().drop(info.context.user, message))

    return GraphQLPart(
        name="saved",
        sdl=SDL,
        resolvers={
            "Query.savedMessages": listed,
            "Mutation.saveMessage": save,
            "Mutation.unsaveMessage": drop,
        },
        kinds={"SavedMessage": Saved},
        costs={"Query.savedMessages": 20},
        lengths={"Query.savedMessages": PAGE},
    )
