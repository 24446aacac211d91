"""Receipts in the GraphQL schema."""

from collections.abc import Callable
from typing import Any

import msgspec

from chatserver import GraphQLPart, read_input
from chatserver_plugins.receipts.desk import MOST_MEMBERS, Desk, Reader, Readers, Terms

SDL = """
extend type Query {
  "Who has read a message, of the members who let others see it. Null, with an error, to those who do not."
  messageReaders(
    "The message."
    messageId: ID!
  ): MessageReaders
  "Whether others see what the user reads, and which rooms have receipts."
  receiptTerms: ReceiptTerms
}

extend type Mutation {
  "Let others see what the user reads, or not. Who does not is not shown what others have read."
  chooseReceipts(input: ChooseReceiptsInput!): ChooseReceiptsPayload
}

"Who has read a message."
type MessageReaders {
  "The message."
  messageId: ID!
  "Number of members who have read it."
  readCount: Int!
  "Number of members who could have read it and let others see that: those who were in the room, except its author and bots."
  ofCount: Int!
  "Those who have read it, by name; at most 200."
  readers: [MessageReader!]!
}

"A member who has read a message."
type MessageReader {
  "The id of the user."
  id: ID!
  "The shown name."
  name: String!
}

"Where there are receipts, and whether the user takes part."
type ReceiptTerms {
  "Whether others see what the user reads."
  shown: Boolean!
  "In which rooms there are receipts."
  rooms: ReceiptRooms!
  "Most members of a room that is small."
  members: Int!
}

"Rooms with receipts."
enum ReceiptRooms {
  "Direct rooms alone."
  DIRECT
  "Rooms with few members, too."
  SMALL
}

"What is chosen."
input ChooseReceiptsInput {
  "Whether others see what the user reads."
  shown: Boolean!
}

"What was chosen."
type ChooseReceiptsPayload {
  "What holds now."
  terms: ReceiptTerms!
}
"""


class Chosen(msgspec.Struct, frozen=True):
    shown: bool


class Choice(msgspec.Struct, frozen=True):
    """A `ChooseReceiptsPayload`."""

    terms: Terms


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def readers(parent: object, info: Any, message_id: str) -> Readers:
        return await desk().readers(info.context.user, message_id)

    async def terms(parent: object, info: Any) -> Terms:
        return await desk().terms(info.context.user)

    async def choose(parent: object, info: Any, input: dict[str, Any]) -> Choice:
        given = read_input(input, Chosen)
        return Choice(await desk().choose(info.context.user, shown=given.shown))

    return GraphQLPart(
        name="receipts",
        sdl=SDL,
        resolvers={
            "Query.messageReaders": readers,
            "Query.receiptTerms": terms,
            "Mutation.chooseReceipts": choose,
            "MessageReaders.messageId": lambda found, info: found.message,
            "MessageReaders.readCount": lambda found, info: found.read,
            "MessageReaders.ofCount": lambda found, info: found.of,
            "MessageReaders.readers": lambda found, info: found.users,
            "ReceiptTerms.rooms": lambda found, info: found.rooms.upper(),
        },
        kinds={"MessageReaders": Readers, "MessageReader": Reader, "ReceiptTerms": Terms},
        costs={"Query.messageReaders": 20, "Query.receiptTerms": 2},
        lengths={"MessageReaders.readers": MOST_MEMBERS},
    )
