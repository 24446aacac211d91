"""What several mutations answer with."""

from typing import Any, NamedTuple

from chatserver import Message, RoomView, User
from chatserver_plugins.graphql.asking import Asking, MessageKey


class UserPayload(NamedTuple):
    user: User
    redirect: str | None = None


class ChangePayload(NamedTuple):
    seq: int
    room: RoomView
    message_id: str | None = None  # of the changed message, if there is one


async def changed_message(parent: ChangePayload, info: Any) -> Message | None:
    """The message as it stands after the change."""
    if parent.message_id is None:
        return None
    asking: Asking = info.context
    return await asking.standing.load(MessageKey(parent.room.id, parent.message_id))
