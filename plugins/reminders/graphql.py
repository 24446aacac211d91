"""Reminders in the GraphQL schema."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, GraphQLPart, read_input
from chatserver_plugins.reminders.desk import PAGE, Change, Desk, Id, New, Note, Reminder

SDL = """
extend type Query {
  "The user's reminders: the due ones, the last of them first; those that wait, by time; those that are done."
  reminders(
    "Number of items, at most 50."
    first: Int = 50
    "The id of the message after whose reminder the page begins."
    after: ID
  ): [Reminder!]
}

extend type Mutation {
  "Have oneself reminded of a message. This takes the place of an earlier reminder of it."
  setReminder(input: SetReminderInput!): ReminderPayload
  "Change a reminder. A field that is left out keeps its value."
  changeReminder(input: ChangeReminderInput!): ReminderPayload
  "Remove a reminder."
  removeReminder(input: RemoveReminderInput!): RemoveReminderPayload
}

"A reminder of a message, which its user alone sees."
type Reminder {
  "The id of the message."
  id: ID!
  "The time of the reminder."
  at: DateTime!
  "Whether its time has come."
  state: ReminderState!
  "What its user noted; may be empty."
  note: String!
  "The message as it stands; null if it was deleted, or the user may not read it any more."
  message: Message
}

"Whether the time of a reminder has come."
enum ReminderState {
  "It has come, and the user has not dealt with it."
  DUE
  "It has not come."
  WAITING
  "The user has dealt with it."
  DONE
}

"A reminder, as it is after the change."
type ReminderPayload {
  "The reminder."
  reminder: Reminder!
}

"What was removed."
type RemoveReminderPayload {
  "The id of the message."
  messageId: ID!
  "Whether there was a reminder of it."
  wasSet: Boolean!
}

"A message of which to be reminded."
input SetReminderInput {
  "The message."
  messageId: ID!
  "When; in the future."
  at: DateTime!
  "A note, at most 200 characters."
  note: String! = ""
}

"What to change of a reminder."
input ChangeReminderInput {
  "The message."
  messageId: ID!
  "Another time, in the future, until which it waits again."
  at: DateTime
  "Another note, at most 200 characters."
  note: String
  "True: the user has dealt with it."
  done: Boolean! = false
}

"A reminder to remove."
input RemoveReminderInput {
  "The message."
  messageId: ID!
}
"""


class ReminderState(StrEnum):
    """The states by the names that the schema has for them."""

    DUE = "due"
    WAITING = "waiting"
    DONE = "done"


class Payload(NamedTuple):
    """A `ReminderPayload`."""

    reminder: Reminder


class Removed(NamedTuple):
    """A `RemoveReminderPayload`."""

    message_id: str
    was_set: bool


class SetOne(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id
    at: str
    note: Note = ""


class ChangeOne(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id
    at: str | None = None
    note: Note | None = None
    done: bool = False


class Which(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def listed(
        parent: object, info: Any, first: int | None = None, after: str | None = None
    ) -> Sequence[Reminder]:
        count = PAGE if first is None else first
        if not 1 <= count <= PAGE:
            raise ChatError("request.invalid", f"first: expected a number from 1 to {PAGE}.")
        return (await desk().page(info.context.user, after or "", count)).reminders

    async def set_one(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, SetOne)
        new = New(message=given.message_id, at=given.at, note=given.note)
        reminder, _ = await desk().set(info.context.user, new)
        return Payload(reminder)

    async def change(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, ChangeOne)
        wanted = Change(at=given.at, note=given.note, done=given.done)
        return Payload(await desk().change(info.context.user, given.message_id, wanted))

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        message = read_input(input, Which).message_id
        return Removed(message, await desk().remove(info.context.user, message))

    return GraphQLPart(
        name="reminders",
        sdl=SDL,
        resolvers={
            "Query.reminders": listed,
            "Mutation.setReminder": set_one,
            "Mutation.changeReminder": change,
            "Mutation.removeReminder": remove,
            "Reminder.state": lambda parent, info: ReminderState(parent.state),
        },
        kinds={"Reminder": Reminder, "ReminderState": ReminderState},
        costs={"Query.reminders": 20},
        lengths={"Query.reminders": PAGE},
    )
