"""Web Push over WebSocket: the operations `push.*` of chat.v1. Devices are added over HTTP, which knows their session."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.push.desk import Desk


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Active(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    here: bool = True


class Which(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device: Annotated[str, Meta(max_length=64)]


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def listed(user: User, nothing: Nothing) -> object:
        return await desk().list(user)

    async def remove(user: User, given: Which) -> object:
        return {"removed": await desk().remove(user, given.device)}

    async def active(user: User, given: Active) -> object:
        await desk().active(user, given.here)
        return {}

    return [
        Operation(name="push.list", arguments=Nothing, run=listed),
        Operation(name="push.remove", arguments=Which, run=remove),
        Operation(name="push.active", arguments=Active, run=active),
    ]
