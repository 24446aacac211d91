"""The inbox over WebSocket: the operations `inbox.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.inbox.desk import MESSAGE_CHARS, MOST, PAGE, PLACE_CHARS, Desk


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    after: Annotated[str, Meta(max_length=PLACE_CHARS)] = ""
    limit: Annotated[int, Meta(ge=1, le=MOST)] = PAGE


class Which(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message, in whose thread something is done; without `following`, the question whether it is followed."""

    message: Annotated[str, Meta(min_length=1, max_length=MESSAGE_CHARS)]
    following: bool | None = None


class Read(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A thread (the id of its root), and the seq of the newest reply that was read."""

    thread: Annotated[str, Meta(min_length=1, max_length=MESSAGE_CHARS)]
    seq: Annotated[int, Meta(ge=1)]


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def listed(user: User, given: Listed) -> object:
        return await desk().page(user, given.after, given.limit)

    async def count(user: User, nothing: Nothing) -> object:
        return {"unread": await desk().unread(user)}

    async def seen(user: User, nothing: Nothing) -> object:
        await desk().see(user)
        return {}

    async def follow(user: User, given: Which) -> object:
        return await desk().follow(user, given.message, given.following)

    async def read(user: User, given: Read) -> object:
        await desk().read_thread(user, given.thread, given.seq)
        return {}

    return [
        Operation(name="inbox.follow", arguments=Which, run=follow),
        Operation(name="inbox.read", arguments=Read, run=read),
        Operation(name="inbox.list", arguments=Listed, run=listed),
        Operation(name="inbox.count", arguments=Nothing, run=count),
        Operation(name="inbox.seen", arguments=Nothing, run=seen),
    ]
