"""Drafts over WebSocket: the operations `drafts.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.drafts.desk import PAGE, Desk, Save, Which


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the list."""

    after: Annotated[str, Meta(max_length=250)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def save(user: User, given: Save) -> object:
        return await desk().save(user, given)

    async def get(user: User, which: Which) -> object:
        return {"draft": await desk().get(user, which.place)}

    async def listed(user: User, asked: Asked) -> object:
        return await desk().page(user, asked.after, asked.limit)

    return [
        Operation(name="drafts.save", arguments=Save, run=save),
        Operation(name="drafts.get", arguments=Which, run=get),
        Operation(name="drafts.list", arguments=Asked, run=listed),
    ]
