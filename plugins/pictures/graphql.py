"""Pictures in the GraphQL schema: the addresses of their bytes, which go over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, RoomView, Scope, Together, User, read_input
from chatserver_plugins.pictures.desk import Desk

SDL = """
extend type User {
  "The address of the user's picture on this server, for those who are signed in; null without one."
  picture: String
}

extend type Room {
  "The address of the room's picture on this server, for those who may read it; null without one."
  picture: String
}

extend type Mutation {
  "Remove the picture of a room. `PUT /api/v1/rooms/ID/picture` sets one."
  removeRoomPicture(input: RoomInput!): RemoveRoomPicturePayload
  "Remove one's own picture or, as staff of the server, somebody else's. `PUT /api/v1/me/picture` sets one's own."
  removePicture(input: RemovePictureInput!): RemovePicturePayload
}

"The result of removing the picture of a room."
type RemoveRoomPicturePayload {
  "The room whose picture it was."
  roomId: ID!
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


class RemoveOfRoom(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room_id: Annotated[str, Meta(min_length=1, max_length=64)]


class RemovedOfRoom(NamedTuple):
    """A `RemoveRoomPicturePayload`."""

    room_id: str


class Removed(NamedTuple):
    """A `RemovePicturePayload`."""

    user_id: str


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""
    pictures = Together(lambda users: desk().addresses(users))
    rooms = Together(lambda ids: desk().room_addresses(ids))

    async def picture(user: User, info: Any) -> str | None:
        return await pictures.of(user.id)

    async def picture_of_room(room: RoomView, info: Any) -> str | None:
        return await rooms.of(room.id)

    async def remove_from_room(parent: object, info: Any, input: dict[str, Any]) -> RemovedOfRoom:
        given = read_input(input, RemoveOfRoom)
        await desk().remove_from_room(info.context.user, given.room_id)
        return RemovedOfRoom(given.room_id)

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        asking, given = info.context, read_input(input, Remove)
        await desk().remove(asking.user, given.user_id, asking.address)
        return Removed(given.user_id or asking.user.id)

    return GraphQLPart(
        name="pictures",
        sdl=SDL,
        resolvers={
            "User.picture": picture,
            "Room.picture": picture_of_room,
            "Mutation.removePicture": remove,
            "Mutation.removeRoomPicture": remove_from_room,
        },
        costs={
            "User.picture": 2,
            "Room.picture": 2,
            "Mutation.removePicture": 20,
            "Mutation.removeRoomPicture": 20,
        },
        scopes={"Mutation.removeRoomPicture": Scope.ROOMS},
    )
