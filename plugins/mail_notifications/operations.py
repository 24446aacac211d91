"""Mails about messages over WebSocket: the operations `mail_notifications.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.mail_notifications.desk import ZONE_CHARS, Desk


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Active(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    zone: Annotated[str, Meta(max_length=ZONE_CHARS)] = ""


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def get(user: User, nothing: Nothing) -> object:
        return await desk().state(user)

    async def retry(user: User, nothing: Nothing) -> object:
        return await desk().retry(user)

    async def active(user: User, given: Active) -> object:
        return {"noted": await desk().active(user, given.zone)}

    return [
        Operation(name="mail_notifications.get", arguments=Nothing, run=get),
        Operation(name="mail_notifications.retry", arguments=Nothing, run=retry),
        Operation(name="mail_notifications.active", arguments=Active, run=active),
    ]
