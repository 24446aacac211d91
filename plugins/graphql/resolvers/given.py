"""What a mutation begins with: its request, its input, its room."""

from typing import Any, TypeVar

from chatserver import Room, read_input
from chatserver_plugins.graphql.asking import Asking

Given = dict[str, Any]
InputT = TypeVar("InputT")


def asked(info: Any, input: Given, kind: type[InputT]) -> tuple[Asking, InputT]:
    """The request, and its input. Raises `ChatError` request.invalid."""
    asking: Asking = info.context
    return asking, read_input(input, kind)


async def room_of(asking: Asking, room: str) -> Room:
    """The room, for a signed-in user. Values loaded before the change are dropped."""
    user = asking.user
    asking.refresh()
    return await asking.service.rooms.get(room, user)
