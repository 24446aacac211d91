"""The announcement over WebSocket: the operations `announcements.*` of chat.v1.

An operation does not know the client's address. Where `server.admin_networks` names some, announcing is for requests
over HTTP and GraphQL alone.
"""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import Operation, Scope, User
from chatserver_plugins.announcements.board import Board, NewAnnouncement


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


def operations(board: Callable[[], Board]) -> Sequence[Operation]:
    """The operations, for a board that exists once they are called."""

    async def current(user: User, nothing: Nothing) -> object:
        return {"announcement": await board().current()}

    async def announce(user: User, wanted: NewAnnouncement) -> object:
        return {"announcement": await board().announce(user, None, wanted)}

    async def clear(user: User, nothing: Nothing) -> object:
        await board().clear(user, None)
        return {"announcement": None}

    return [
        Operation(name="announcements.current", arguments=Nothing, run=current, scope=Scope.READ),
        Operation(name="announcements.announce", arguments=NewAnnouncement, run=announce),
        Operation(name="announcements.clear", arguments=Nothing, run=clear),
    ]
