"""Mails about messages in the GraphQL schema."""

from collections.abc import Callable
from typing import Any, NamedTuple

from chatserver import GraphQLPart
from chatserver_plugins.mail_notifications.desk import Desk, State

SDL = """
extend type Query {
  "Whether the reader gets mails about messages, and when."
  mailNotifications: MailNotifications!
}

extend type Mutation {
  "Try an address again that the mail server refused."
  retryMailNotifications: RetryMailNotificationsPayload
  "The reader is at one of their devices, in a time zone such as `Europe/Berlin`."
  noteMailActive(zone: String! = ""): NoteMailActivePayload
}

"How things stand with mails about messages."
type MailNotifications {
  "Whether the server sends mails."
  available: Boolean!
  "The address that mails go to; null if there is none."
  email: String
  "Whether the mail server takes nothing for this address."
  refused: Boolean!
  "When mails come, as the preference `page.notify.mail` says it."
  when: String!
}

"The result of trying an address again."
type RetryMailNotificationsPayload {
  "How things stand now."
  mailNotifications: MailNotifications!
}

"The result of being there."
type NoteMailActivePayload {
  "Whether it was noted: not if the reader gets no mails."
  noted: Boolean!
}
"""


class Retried(NamedTuple):
    """A `RetryMailNotificationsPayload`."""

    mail_notifications: State


class Noted(NamedTuple):
    """A `NoteMailActivePayload`."""

    noted: bool


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def state(parent: object, info: Any) -> State:
        return await desk().state(info.context.user)

    async def retry(parent: object, info: Any) -> Retried:
        return Retried(await desk().retry(info.context.user))

    async def active(parent: object, info: Any, zone: str) -> Noted:
        return Noted(await desk().active(info.context.user, zone))

    return GraphQLPart(
        name="mail_notifications",
        sdl=SDL,
        resolvers={
            "Query.mailNotifications": state,
            "Mutation.retryMailNotifications": retry,
            "Mutation.noteMailActive": active,
        },
        kinds={"MailNotifications": State},
        costs={"Query.mailNotifications": 5},
    )
