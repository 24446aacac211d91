"""The operations `link_previews.…` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, Scope, User
from chatserver_plugins.link_previews.card import URL_BYTES
from chatserver_plugins.link_previews.desk import Desk

Id = Annotated[str, Meta(min_length=1, max_length=100)]
Link = Annotated[str, Meta(min_length=1, max_length=URL_BYTES)]


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    message: Id


class Unwanted(Which, frozen=True, kw_only=True):
    """A link of a message, as it stands in its text."""

    url: Link


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def show(user: User, which: Which) -> object:
        return await desk().show(user, which.message)

    async def remove(user: User, given: Unwanted) -> object:
        return await desk().remove(user, given.message, given.url)

    return [
        Operation(name="link_previews.get", arguments=Which, run=show, scope=Scope.READ),
        Operation(name="link_previews.remove", arguments=Unwanted, run=remove, scope=Scope.WRITE),
    ]
