"""Bots over WebSocket: the operations `bots.*` of chat.v1, for people alone.

An operation does not know the client's address. Where `server.admin_networks` names some, staff looks after the bots of
others over HTTP or GraphQL.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.bots.desk import Desk
from chatserver_plugins.bots.views import PAGE, BotChanges, Id, NewBot, NewToken, Whose


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The reader's own bots, or a page of all of them."""

    whose: Whose = "own"
    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A bot."""

    bot: Id


class Changed(BotChanges, frozen=True, kw_only=True):
    """A bot, and what of it is to be otherwise."""

    bot: Id


class ForBot(NewToken, frozen=True, kw_only=True):
    """A bot, and the token that it is to have."""

    bot: Id


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a bot."""

    bot: Id
    token: Id


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def listed(user: User, given: Listed) -> object:
        if given.whose == "own":
            return await desk().own(user)
        return await desk().all(user, None, given.after, given.limit)

    async def make(user: User, given: NewBot) -> object:
        return await desk().make(user, None, given)

    async def change(user: User, given: Changed) -> object:
        return await desk().change(user, None, given.bot, given)

    async def remove(user: User, given: Which) -> object:
        await desk().remove(user, None, given.bot)
        return {}

    async def token(user: User, given: ForBot) -> object:
        return await desk().make_token(user, None, given.bot, given)

    async def revoke(user: User, given: Revoked) -> object:
        await desk().revoke(user, None, given.bot, given.token)
        return {}

    return [
        Operation(name="bots.list", arguments=Listed, run=listed),
        Operation(name="bots.make", arguments=NewBot, run=make),
        Operation(name="bots.change", arguments=Changed, run=change),
        Operation(name="bots.remove", arguments=Which, run=remove),
        Operation(name="bots.token", arguments=ForBot, run=token),
        Operation(name="bots.revoke", arguments=Revoked, run=revoke),
    ]
