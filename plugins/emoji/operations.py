"""Emoji over WebSocket: the operations `emoji.*` of chat.v1.

An operation does not know the client's address. Where `server.admin_networks` names some, staff adds and removes emoji
over HTTP and GraphQL alone.
"""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import Operation, Scope, User
from chatserver_plugins.emoji.desk import Desk, Name, NewEmoji


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    name: Name


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def show_all(user: User, nothing: Nothing) -> object:
        return await desk().all(user)

    async def add(user: User, given: NewEmoji) -> object:
        return await desk().add(user, None, given)

    async def remove(user: User, given: Named) -> object:
        await desk().remove(user, None, given.name)
        return {}

    return [
        Operation(name="emoji.list", arguments=Nothing, run=show_all, scope=Scope.READ),
        Operation(name="emoji.add", arguments=NewEmoji, run=add),
        Operation(name="emoji.remove", arguments=Named, run=remove),
    ]
