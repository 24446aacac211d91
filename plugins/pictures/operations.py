"""Pictures over WebSocket: the operations `pictures.*` of chat.v1. Their bytes go over HTTP.

An operation does not know the client's address. Where `server.admin_networks` names some, staff removes the pictures of
others over HTTP or GraphQL.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, Scope, User
from chatserver_plugins.pictures.desk import ASKED, Desk

Id = Annotated[str, Meta(min_length=1, max_length=64)]


class Asked(msgspec.Struct, frozen=True):
    users: Annotated[tuple[Id, ...], Meta(max_length=ASKED)] = ()
    rooms: Annotated[tuple[Id, ...], Meta(max_length=ASKED)] = ()


class Removed(msgspec.Struct, frozen=True):
    user: Id | None = None
    room: Id | None = None


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def of(user: User, asked: Asked) -> object:
        if not asked.rooms:
            return {"pictures": await desk().of(user, asked.users)}
        rooms = await desk().of_rooms(user, asked.rooms)
        return {"pictures": await desk().of(user, asked.users), "rooms": rooms}

    async def remove(user: User, given: Removed) -> object:
        if given.room is not None:
            await desk().remove_from_room(user, given.room)
        else:
            await desk().remove(user, given.user, None)
        return {}

    return [
        Operation(name="pictures.of", arguments=Asked, run=of, scope=Scope.READ),
        Operation(name="pictures.remove", arguments=Removed, run=remove),
    ]
