"""Receipts over WebSocket: the operations `receipts.*` of chat.v1. They are for people alone."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Context, Operation, User
from chatserver_plugins.receipts.desk import Desk, count_of
from chatserver_plugins.receipts.watching import Watching


class Nothing(msgspec.Struct, frozen=True):
    """No arguments."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether others see what the user reads."""

    shown: bool


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    message: Annotated[str, Meta(min_length=1, max_length=100)]


def operations(
    desk: Callable[[], Desk], watching: Callable[[], Watching], context: Context
) -> Sequence[Operation]:
    """The operations, for a desk and watches that exist once they are called."""

    async def show(user: User, nothing: Nothing) -> object:
        return await desk().terms(user)

    async def choose(user: User, given: Choice) -> object:
        return await desk().choose(user, shown=given.shown)

    async def readers(user: User, which: Which) -> object:
        return await desk().readers(user, which.message)

    async def watch(user: User, which: Which) -> object:
        listener = context.listener()
        if listener is None:  # by a door on which nothing can be told
            return count_of(await desk().readers(user, which.message))
        return await watching().watch(listener, user, which.message)

    return [
        Operation(name="receipts.get", arguments=Nothing, run=show),
        Operation(name="receipts.choose", arguments=Choice, run=choose),
        Operation(name="receipts.readers", arguments=Which, run=readers),
        Operation(name="receipts.watch", arguments=Which, run=watch),
    ]
