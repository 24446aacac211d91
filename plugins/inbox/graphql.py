"""The inbox in the GraphQL schema."""

from collections.abc import Callable
from typing import Any, NamedTuple

from chatserver import GraphQLPart
from chatserver_plugins.inbox.book import Kind
from chatserver_plugins.inbox.desk import PAGE, Desk, Followed, Page

SDL = """
extend type Query {
  "Mentions of the reader, and replies and reactions to their messages, the newest first."
  inbox(first: Int! = 30, after: String! = ""): InboxPage
}

extend type Mutation {
  "All entries up to now are seen."
  seeInbox: SeeInboxPayload
  "Follow the thread of a message, or no longer."
  followThread(message: ID!, following: Boolean!): FollowThreadPayload
  "Replies up to a seq are read, in the thread of this message."
  readThread(thread: ID!, seq: Int!): ReadThreadPayload
}

"Entries of the inbox, which may be fewer than asked for, or none."
type InboxPage {
  "The entries, the newest first."
  entries: [InboxEntry!]!
  "How many of the newest 100 entries are unread."
  unread: Int!
  "The `after` of the next page; null if there are no more."
  next: String
}

"Something that concerns the reader: a mention, a reply or a reaction."
type InboxEntry {
  "The id of the entry."
  id: ID!
  "What happened."
  kind: InboxKind!
  "When it happened."
  at: DateTime!
  "Whether it came after the reader last looked, and is not read in its room."
  unread: Boolean!
  "Who did it."
  by: InboxPerson!
  "The emoji of a reaction; empty otherwise."
  emoji: String!
  "The room of the message."
  roomId: ID!
  "The message that mentions or answers the reader, or the reader's own that got a reaction."
  messageId: ID!
  "The text of the message as it stands."
  text: String!
}

"What happened."
enum InboxKind {
  "Somebody mentioned the reader."
  MENTION
  "Somebody answered a message of the reader."
  REPLY
  "Somebody replied in a thread that the reader follows."
  THREAD
  "Somebody reacted to a message of the reader."
  REACTION
}

"The user who mentioned, answered or reacted."
type InboxPerson {
  "The id."
  id: ID!
  "The display name."
  name: String!
  "The user name."
  username: String!
}

"The result of following a thread, or of leaving it."
type FollowThreadPayload {
  "The id of the first message of the thread."
  thread: ID!
  "Whether the reader follows it."
  following: Boolean!
}

"The result of having read a thread."
type ReadThreadPayload {
  "How many entries of the inbox are unread now."
  unread: Int!
}

"The result of having seen all entries."
type SeeInboxPayload {
  "How many are unread now."
  unread: Int!
}
"""


class Seen(NamedTuple):
    """A `SeeInboxPayload`, or a `ReadThreadPayload`."""

    unread: int


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def inbox(parent: object, info: Any, first: int, after: str) -> Page:
        return await desk().page(info.context.user, after, first)

    async def see(parent: object, info: Any) -> Seen:
        await desk().see(info.context.user)
        return Seen(await desk().unread(info.context.user))

    async def follow(parent: object, info: Any, message: str, following: bool) -> Followed:
        return await desk().follow(info.context.user, message, following)

    async def read(parent: object, info: Any, thread: str, seq: int) -> Seen:
        await desk().read_thread(info.context.user, thread, seq)
        return Seen(await desk().unread(info.context.user))

    return GraphQLPart(
        name="inbox",
        sdl=SDL,
        resolvers={
            "Query.inbox": inbox,
            "Mutation.seeInbox": see,
            "Mutation.followThread": follow,
            "Mutation.readThread": read,
            "InboxEntry.roomId": lambda parent, info: parent.message.room,
            "InboxEntry.messageId": lambda parent, info: parent.message.id,
            "InboxEntry.text": lambda parent, info: parent.message.body,
        },
        kinds={"InboxKind": Kind},
        costs={
            "Query.inbox": 20,
            "Mutation.seeInbox": 20,
            "Mutation.followThread": 20,
            "Mutation.readThread": 20,
        },
        lengths={"InboxPage.entries": PAGE},
    )
