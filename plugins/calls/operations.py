"""Calls over WebSocket: the operations `calls.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.calls.desk import Desk

Id = Annotated[str, Meta(min_length=1, max_length=100)]


class Begin(msgspec.Struct, frozen=True):
    room: Id
    thread: Id | None = None


class Join(msgspec.Struct, frozen=True):
    message: Id


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def begin(user: User, given: Begin) -> object:
        return await desk().begin(user, given.room, given.thread)

    async def join(user: User, given: Join) -> object:
        return await desk().join(user, given.message)

    return [
        Operation(name="calls.begin", arguments=Begin, run=begin),
        Operation(name="calls.join", arguments=Join, run=join),
    ]
