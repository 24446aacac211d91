"""Previews of links in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import GraphQLPart, Message, Scope, read_input
from chatserver_plugins.link_previews.card import LINKS, Card, cards_of
from chatserver_plugins.link_previews.desk import Desk
from chatserver_plugins.link_previews.operations import Id, Link

SDL = """
extend type Message {
  "What the pages say about themselves to which the message links, in the order of its links."
  linkPreviews: [LinkPreview!]!
}

extend type Mutation {
  "Remove the preview of a link in a message of one's own, or as a moderator in another's, for everybody."
  removeLinkPreview(input: RemoveLinkPreviewInput!): RemoveLinkPreviewPayload
}

"What a page says about itself, whether or not it is true."
type LinkPreview {
  "The link, as it stands in the message."
  url: String!
  "The host that the link led to in the end."
  host: String!
  "The page's title."
  title: String!
  "What it is about; may be empty."
  description: String!
  "The name of its site; may be empty."
  site: String!
}

"A preview to remove."
input RemoveLinkPreviewInput {
  "The message."
  messageId: ID!
  "The link, as it stands in the message."
  url: String!
}

"What remains."
type RemoveLinkPreviewPayload {
  "The other previews of the message."
  linkPreviews: [LinkPreview!]!
}
"""


class Unwanted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id
    url: Link


class Payload(NamedTuple):
    """A `RemoveLinkPreviewPayload`."""

    link_previews: Sequence[Card]


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, Unwanted)
        rest = await desk().remove(info.context.user, given.message_id, given.url)
        return Payload(rest.cards)

    return GraphQLPart(
        name="link_previews",
        sdl=SDL,
        resolvers={"Message.linkPreviews": _cards, "Mutation.removeLinkPreview": remove},
        costs={"Mutation.removeLinkPreview": 10},
        scopes={"Mutation.removeLinkPreview": Scope.WRITE},
        lengths={
            "Message.linkPreviews": LINKS,
            "RemoveLinkPreviewPayload.linkPreviews": LINKS,
        },
    )


def _cards(parent: Message, info: Any) -> Sequence[Card]:
    return cards_of(parent)
