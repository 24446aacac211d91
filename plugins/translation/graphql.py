"""Translations in the GraphQL schema."""

from collections.abc import Callable
from typing import Any

import msgspec

from chatserver import GraphQLPart, Scope, read_input
from chatserver_plugins.translation.desk import Desk, Translation
from chatserver_plugins.translation.operations import Id, Language

SDL = """
extend type Mutation {
  "Have a message translated by the service that the operator has chosen, which gets its text. Nothing is stored."
  translateMessage(input: TranslateMessageInput!): TranslateMessagePayload
}

"A message to translate."
input TranslateMessageInput {
  "The message."
  messageId: ID!
  "The language that it is wanted in: a code such as `de`."
  language: String!
}

"A message in another language."
type TranslateMessagePayload {
  "The language of the text."
  language: String!
  "The language that the service took the message for, if it says so."
  source: String
  "The name of the service."
  provider: String!
  "The translation, with the marks of the message."
  text: String!
}
"""


class Wanted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id
    language: Language


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def translate(parent: object, info: Any, input: dict[str, Any]) -> Translation:
        wanted = read_input(input, Wanted)
        return await desk().translate(info.context.user, wanted.message_id, wanted.language)

    return GraphQLPart(
        name="translation",
        sdl=SDL,
        resolvers={"Mutation.translateMessage": translate},
        costs={"Mutation.translateMessage": 50},
        scopes={"Mutation.translateMessage": Scope.READ},
    )
