"""Reminders over WebSocket: the operations `reminders.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.reminders.desk import PAGE, Change, Desk, Id, New


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    message: Id


class ChangeOf(Change, frozen=True, kw_only=True):
    """A change of the reminder of this message."""

    message: Id


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the list."""

    after: Annotated[str, Meta(max_length=100)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def set_one(user: User, new: New) -> object:
        reminder, _ = await desk().set(user, new)
        return {"reminder": reminder}

    async def change(user: User, change: ChangeOf) -> object:
        return {"reminder": await desk().change(user, change.message, change)}

    async def remove(user: User, which: Which) -> object:
        return {"removed": await desk().remove(user, which.message)}

    async def ids(user: User, nothing: Nothing) -> object:
        return {"reminders": await desk().brief(user)}

    async def listed(user: User, place: Place) -> object:
        return await desk().page(user, place.after, place.limit)

    return [
        Operation(name="reminders.set", arguments=New, run=set_one),
        Operation(name="reminders.change", arguments=ChangeOf, run=change),
        Operation(name="reminders.remove", arguments=Which, run=remove),
        Operation(name="reminders.ids", arguments=Nothing, run=ids),
        Operation(name="reminders.list", arguments=Place, run=listed),
    ]
