"""Calls in the GraphQL schema."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, read_input
from chatserver_plugins.calls.desk import Desk, Joined

SDL = """
extend type Mutation {
  "Begin a call in a room: a message with it is posted."
  beginCall(input: BeginCallInput!): BeginCallPayload
  "Join the call of a message."
  joinCall(input: JoinCallInput!): JoinCallPayload
}

"Where to begin a call."
input BeginCallInput {
  "The room."
  roomId: ID!
  "The message in whose thread it is to be."
  threadId: ID
}

"The call that was begun."
type BeginCallPayload {
  "The message with the call."
  messageId: ID!
  "Where to join it: an address for this user alone."
  url: String!
}

"A call to join."
input JoinCallInput {
  "The message with the call."
  messageId: ID!
}

"How to join a call."
type JoinCallPayload {
  "The message with the call."
  messageId: ID!
  "Where to join it: an address for this user alone."
  url: String!
}
"""

Id = Annotated[str, Meta(min_length=1, max_length=100)]


class Begin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    thread_id: Id | None = None


class Join(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id


class Payload(NamedTuple):
    """A `BeginCallPayload` or a `JoinCallPayload`."""

    message_id: str
    url: str

    @classmethod
    def of(cls, joined: Joined) -> "Payload":
        return cls(joined.message, joined.url)


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def begin(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, Begin)
        return Payload.of(await desk().begin(info.context.user, given.room_id, given.thread_id))

    async def join(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, Join)
        return Payload.of(await desk().join(info.context.user, given.message_id))

    return GraphQLPart(
        name="calls",
        sdl=SDL,
        resolvers={"Mutation.beginCall": begin, "Mutation.joinCall": join},
        costs={"Mutation.beginCall": 20, "Mutation.joinCall": 10},
    )
