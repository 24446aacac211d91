"""`node`, `nodes` and `message`: objects by id (https://relay.dev/graphql/objectidentification.htm)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from chatserver import ChatError, Message, RoomView, ServerRole, User
from chatserver_plugins.graphql.asking import Asking, MessageKey
from chatserver_plugins.graphql.resolvers.rooms import room_of

NODES_MOST = 100
ID_CHARS = 64  # no id is longer
NOT_THERE = ("message.not_found", "room.not_found", "room.banned", "user.not_found")
Node = User | RoomView | Message


async def node(parent: object, info: Any, id: str) -> Node | None:
    return await _find(info.context, id)


async def nodes(parent: object, info: Any, ids: Sequence[str]) -> list[Node | None]:
    if len(ids) > NODES_MOST:
        raise ChatError(
            "request.invalid", f"ids: at most {NODES_MOST}.", detail={"limit": NODES_MOST}
        )
    return await asyncio.gather(*(_find(info.context, id) for id in ids))


async def message(parent: object, info: Any, id: str) -> Message | None:
    room = id.rpartition("-")[0]
    found = await _message(info.context, room, id) if room and len(id) <= ID_CHARS else None
    return None if found is None or found.deleted else found


async def _find(asking: Asking, id: str) -> Node | None:
    """The node with this id, None if the user may not see it.

    Only ids of messages contain a dash: `ROOM-SEQ`. No two nodes share an id.
    """
    user = asking.user
    if not 0 < len(id) <= ID_CHARS:
        return None
    room, _, number = id.rpartition("-")
    if room and number:
        return await _message(asking, room, id)
    found = await _room(asking, id)
    if found is not None or (user.role is ServerRole.GUEST and id != user.id):
        return found
    return await _user(asking, id)


async def _message(asking: Asking, room: str, id: str) -> Message | None:
    try:
        return await asking.messages.load(MessageKey(room, id))
    except ChatError as error:
        _demand_absence(error)
        return None


async def _room(asking: Asking, id: str) -> RoomView | None:
    try:
        return await room_of(asking, id)
    except ChatError as error:
        _demand_absence(error)
        return None


async def _user(asking: Asking, id: str) -> User | None:
    try:
        return await asking.users.load(id)
    except ChatError as error:
        _demand_absence(error)
        return None


def _demand_absence(error: ChatError) -> None:
    """Raise the error again unless it says that there is no such object."""
    if error.code not in NOT_THERE:
        raise error
