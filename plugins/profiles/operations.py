"""Profiles over WebSocket: the operations `profiles.*` of chat.v1.

An operation does not know the client's address. Where `server.admin_networks` names some, staff clears the profiles of
others over HTTP or GraphQL.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, Scope, User
from chatserver_plugins.profiles.desk import ASKED, Change, Desk

Id = Annotated[str, Meta(min_length=1, max_length=64)]


class Asked(msgspec.Struct, frozen=True):
    users: Annotated[tuple[Id, ...], Meta(max_length=ASKED)]


class Cleared(msgspec.Struct, frozen=True):
    user: Id


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def of(user: User, asked: Asked) -> object:
        return {"profiles": await desk().of(user, asked.users)}

    async def change(user: User, given: Change) -> object:
        return await desk().change(user, given, None)

    async def clear(user: User, given: Cleared) -> object:
        await desk().clear(user, given.user, None)
        return {}

    return [
        Operation(name="profiles.of", arguments=Asked, run=of, scope=Scope.READ),
        Operation(name="profiles.change", arguments=Change, run=change),
        Operation(name="profiles.clear", arguments=Cleared, run=clear),
    ]
