"""Pictures in the GraphQL schema: the addresses of their bytes, which go over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, Together, User, read_input
from chatserver_plugins.pictures.desk import Desk

SDL = """
extend type User {
  "The address of the user's picture on this server, for those who are signed in; null without one."
  picture: String
}

extend type Mutation {
  "Remove one's own picture or, as staff of the server, somebody else's. `PUT /api/v1/me/picture` sets one's own."
  removePicture(input: RemovePictureInput!): RemovePicturePayload
}

"A picture to remove."
input RemovePictureInput {
  "Whose picture; null for one's own."
  userId: ID
}

"The result of removing a picture."
type RemovePicturePayload {
  "Whose picture it was."
  userId: ID!
}
"""


class Remove(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    user_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class Removed(NamedTuple):
    """A `RemovePicturePayload`."""

    user_id: str


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""
    pictures = Together(lambda users: desk().addresses(users))

    async def picture(user: User, info: Any) -> str | None:
        return await pictures.of(user.id)

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        asking, given = info.context, read_input(input, Remove)
        await desk().remove(asking.user, given.user_id, asking.address)
        return Removed(given.user_id or asking.user.id)

    return GraphQLPart(
        name="pictures",
        sdl=SDL,
        resolvers={"User.picture": picture, "Mutation.removePicture": remove},
        costs={"User.picture": 2, "Mutation.removePicture": 20},
    )
