"""Receipts in the GraphQL schema."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from chatserver import GraphQLPart, GraphQLSource, User, read_input
from chatserver_plugins.receipts.desk import MOST_MEMBERS, Count, Desk, Reader, Readers, Terms
from chatserver_plugins.receipts.watching import Watching

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

extend type Subscription {
  "How many have read a message: now, and whenever that changes, at most once a second. Refused as `Query.messageReaders`."
  messageReadCount(
    "The message."
    messageId: ID!
  ): MessageReadCount!
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

"How many have read a message."
type MessageReadCount {
  "The message."
  messageId: ID!
  "Number of members who have read it."
  readCount: Int!
  "As in `MessageReaders`."
  ofCount: Int!
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


class Subscriber:
    """A subscription, as a connection that is told how many have read its message."""

    def __init__(self, user: User) -> None:
        self.user, self.is_gone = user, False
        self._told: Count | None = None
        self._news = asyncio.Event()

    def tell(self, name: str, count: Count) -> bool:
        self._told = count
        self._news.set()
        return True

    async def next(self) -> Count | None:
        """The newest count, once it is another one."""
        await self._news.wait()
        self._news.clear()
        return self._told


class Chosen(msgspec.Struct, frozen=True):
    shown: bool


class Choice(msgspec.Struct, frozen=True):
    """A `ChooseReceiptsPayload`."""

    terms: Terms


def part(desk: Callable[[], Desk], watching: Callable[[], Watching]) -> GraphQLPart:
    """The part, for a desk and watches that exist once requests come."""

    async def readers(parent: object, info: Any, message_id: str) -> Readers:
        return await desk().readers(info.context.user, message_id)

    async def terms(parent: object, info: Any) -> Terms:
        return await desk().terms(info.context.user)

    async def choose(parent: object, info: Any, input: dict[str, Any]) -> Choice:
        given = read_input(input, Chosen)
        return Choice(await desk().choose(info.context.user, shown=given.shown))

    async def counts(context: Any, message_id: str) -> AsyncIterator[Count | None]:
        subscriber = Subscriber(context.user)
        try:
            yield await watching().watch(subscriber, context.user, message_id)
            while True:
                yield await subscriber.next()
        finally:
            subscriber.is_gone = True

    return GraphQLPart(
        name="receipts",
        sdl=SDL,
        resolvers={
            "Query.messageReaders": readers,
            "Query.receiptTerms": terms,
            "Mutation.chooseReceipts": choose,
            **_counts("MessageReaders"),
            **_counts("MessageReadCount"),
            "MessageReaders.readers": lambda found, info: found.users,
            "ReceiptTerms.rooms": lambda found, info: found.rooms.upper(),
        },
        kinds={"MessageReaders": Readers, "MessageReader": Reader, "ReceiptTerms": Terms},
        costs={
            "Query.messageReaders": 20,
            "Subscription.messageReadCount": 20,
            "Query.receiptTerms": 2,
        },
        lengths={"MessageReaders.readers": MOST_MEMBERS},
        sources={"Subscription.messageReadCount": GraphQLSource(open=counts)},
    )


def _counts(kind: str) -> dict[str, Callable[[Count, Any], object]]:
    return {
        f"{kind}.messageId": lambda found, info: found.message,
        f"{kind}.readCount": lambda found, info: found.read,
        f"{kind}.ofCount": lambda found, info: found.of,
    }
