"""Saved messages over WebSocket: the operations `saved.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.saved.shelf import PAGE, Id, Shelf


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    message: Id


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the list."""

    after: Annotated[str, Meta(max_length=100)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


def operations(shelf: Callable[[], Shelf]) -> Sequence[Operation]:
    """The operations, for a shelf that exists once they are called."""

    async def save(user: User, which: Which) -> object:
        return {"saved": await shelf().save(user, which.message)}

    async def drop(user: User, which: Which) -> object:
        return {"dropped": await shelf().drop(user, which.message)}

    async def ids(user: User, nothing: Nothing) -> object:
        return {"messages": await shelf().ids(user)}

    async def listed(user: User, place: Place) -> object:
        return await shelf().page(user, place.after, place.limit)

    return [
        Operation(name="saved.save", arguments=Which, run=save),
        Operation(name="saved.drop", arguments=Which, run=drop),
        Operation(name="saved.ids", arguments=Nothing, run=ids),
        Operation(name="saved.list", arguments=Place, run=listed),
    ]
