"""Scheduled messages in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import GraphQLPart, Scope, read_input
from chatserver_plugins.scheduled.book import Book, ClientId, Failure, NewScheduled, Scheduled

SDL = """
extend type Query {
  "The user's scheduled messages, by time."
  scheduledMessages: [ScheduledMessage!]
}

extend type Mutation {
  "Schedule a message. A repeat with the same `clientId` returns the first one."
  scheduleMessage(input: ScheduleMessageInput!): ScheduledMessagePayload
  "Change the text or the time of a scheduled message. A field that is left out keeps its value."
  changeScheduledMessage(input: ChangeScheduledMessageInput!): ScheduledMessagePayload
  "Cancel a scheduled message."
  cancelScheduledMessage(input: CancelScheduledMessageInput!): ScheduledMessagePayload
}

"A message that is posted later, with the rights that its author has then."
type ScheduledMessage {
  "The `clientId` with which it is posted."
  clientId: ID!
  "The room."
  roomId: ID!
  "The text."
  body: String!
  "When it is posted."
  at: DateTime!
  "The message that it answers."
  replyTo: ID
  "Why it could not be posted; null unless its time is over."
  error: ScheduledMessageError
}

"Why a scheduled message could not be posted."
type ScheduledMessageError {
  "The code of the error."
  code: String!
  "A text for people."
  text: String!
}

"A scheduled message, as it is after the change."
type ScheduledMessagePayload {
  "The message."
  scheduledMessage: ScheduledMessage!
  "Whether an earlier request with the same `clientId` had already scheduled it."
  repeated: Boolean!
}

"A message to post later."
input ScheduleMessageInput {
  "Unique for its author, as for a message that is posted at once."
  clientId: ID!
  "The room."
  roomId: ID!
  "The text."
  body: String!
  "When to post it; in the future."
  at: DateTime!
  "The message that it answers."
  replyTo: ID
}

"What to change of a scheduled message."
input ChangeScheduledMessageInput {
  "Which one."
  clientId: ID!
  "Another text."
  body: String
  "Another time; in the future."
  at: DateTime
}

"A scheduled message to cancel."
input CancelScheduledMessageInput {
  "Which one."
  clientId: ID!
}
"""


class Payload(NamedTuple):
    """A `ScheduledMessagePayload`."""

    scheduled_message: Scheduled
    repeated: bool = False


class Schedule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    client_id: ClientId
    room_id: str
    body: str
    at: str
    reply_to: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    client_id: ClientId
    body: str | None = None
    at: str | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    client_id: ClientId


def part(book: Callable[[], Book]) -> GraphQLPart:
    """The part, for a book that exists once requests come."""

    async def listed(parent: object, info: Any) -> Sequence[Scheduled]:
        return await book().list(info.context.user)

    async def schedule(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        user, given = info.context.user, read_input(input, Schedule)
        new = NewScheduled(
            client_id=given.client_id,
            room=given.room_id,
            body=given.body,
            at=given.at,
            reply_to=given.reply_to,
        )
        return Payload(*await book().add(user, new))

    async def change(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        user, given = info.context.user, read_input(input, Change)
        return Payload(await book().change(user, given.client_id, body=given.body, at=given.at))

    async def cancel(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        user, given = info.context.user, read_input(input, Cancel)
        return Payload(await book().cancel(user, given.client_id))

    return GraphQLPart(
        name="scheduled",
        sdl=SDL,
        resolvers={
            "Query.scheduledMessages": listed,
            "Mutation.scheduleMessage": schedule,
            "Mutation.changeScheduledMessage": change,
            "Mutation.cancelScheduledMessage": cancel,
            "ScheduledMessage.roomId": lambda parent, info: parent.room,
        },
        kinds={"ScheduledMessage": Scheduled, "ScheduledMessageError": Failure},
        costs={"Query.scheduledMessages": 10},
        lengths={"Query.scheduledMessages": 20},
        scopes={
            "Query.scheduledMessages": Scope.WRITE,
            "Mutation.scheduleMessage": Scope.WRITE,
            "Mutation.changeScheduledMessage": Scope.WRITE,
            "Mutation.cancelScheduledMessage": Scope.WRITE,
        },
    )
