"""The announcement in the GraphQL schema."""

from collections.abc import Callable
from typing import Any, NamedTuple

from chatserver import GraphQLPart, Scope, read_input
from chatserver_plugins.announcements.board import Announcement, Board, NewAnnouncement, Tone

SDL = """
extend type Query {
  "What staff announces to everybody; null if there is nothing."
  announcement: Announcement
}

extend type Mutation {
  "Announce something to everybody, in the place of what was announced. For staff of the server."
  announce(input: AnnounceInput!): AnnouncePayload
  "Take the announcement away. For staff of the server."
  clearAnnouncement: ClearAnnouncementPayload
}

"What staff announces to everybody, in a line above the page."
type Announcement {
  "Another one for each announcement."
  id: ID!
  "The text."
  text: String!
  "How much it matters."
  tone: AnnouncementTone!
  "When it ends; null if it stands until it is removed."
  until: DateTime
  "The id of the user who announced it."
  by: ID!
  "When it was announced."
  at: DateTime!
}

"How much an announcement matters."
enum AnnouncementTone {
  "It is good to know."
  INFO
  "It is a warning."
  WARNING
}

"What to announce."
input AnnounceInput {
  "The text, 1 to 500 characters."
  text: String!
  "How much it matters."
  tone: AnnouncementTone! = INFO
  "When it ends, in the future; null if it stands until it is removed."
  until: DateTime
}

"The result of announcing something."
type AnnouncePayload {
  "What stands now."
  announcement: Announcement!
}

"The result of taking the announcement away."
type ClearAnnouncementPayload {
  "What stands now: null."
  announcement: Announcement
}
"""


class Announced(NamedTuple):
    """An `AnnouncePayload` or a `ClearAnnouncementPayload`."""

    announcement: Announcement | None


class AnnounceInput(NewAnnouncement, frozen=True, kw_only=True, rename="camel"):
    """A `NewAnnouncement`."""


def part(board: Callable[[], Board]) -> GraphQLPart:
    """The part, for a board that exists once requests come."""

    async def current(parent: object, info: Any) -> Announcement | None:
        return await board().current()

    async def announce(parent: object, info: Any, input: dict[str, Any]) -> Announced:
        asking, wanted = info.context, read_input(input, AnnounceInput)
        return Announced(await board().announce(asking.user, asking.address, wanted))

    async def clear(parent: object, info: Any) -> Announced:
        await board().clear(info.context.user, info.context.address)
        return Announced(None)

    return GraphQLPart(
        name="announcements",
        sdl=SDL,
        resolvers={
            "Query.announcement": current,
            "Mutation.announce": announce,
            "Mutation.clearAnnouncement": clear,
        },
        kinds={"AnnouncementTone": Tone},
        costs={
            "Query.announcement": 10,
            "Mutation.announce": 20,
            "Mutation.clearAnnouncement": 20,
        },
        scopes={"Query.announcement": Scope.READ},
    )
