"""Groups over WebSocket: the operations `groups.*` of chat.v1.

An operation does not know the client's address. Where `server.admin_networks` names some, staff looks after groups over
HTTP and GraphQL.
"""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import Operation, Scope, User
from chatserver_plugins.groups.desk import Desk
from chatserver_plugins.groups.views import GroupChanges, Name, NewGroup


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A group."""

    name: Name


class Changed(GroupChanges, frozen=True, kw_only=True):
    """A group, and what of it is to be otherwise."""

    name: Name


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def show_all(user: User, nothing: Nothing) -> object:
        return await desk().all(user)

    async def show(user: User, given: Named) -> object:
        return await desk().get(user, given.name)

    async def make(user: User, given: NewGroup) -> object:
        return await desk().make(user, None, given)

    async def change(user: User, given: Changed) -> object:
        return await desk().change(user, None, given.name, given)

    async def remove(user: User, given: Named) -> object:
        await desk().remove(user, None, given.name)
        return {}

    async def leave(user: User, given: Named) -> object:
        await desk().leave(user, None, given.name)
        return {}

    return [
        Operation(name="groups.list", arguments=Nothing, run=show_all, scope=Scope.READ),
        Operation(name="groups.get", arguments=Named, run=show, scope=Scope.READ),
        Operation(name="groups.make", arguments=NewGroup, run=make),
        Operation(name="groups.change", arguments=Changed, run=change),
        Operation(name="groups.remove", arguments=Named, run=remove),
        Operation(name="groups.leave", arguments=Named, run=leave),
    ]
