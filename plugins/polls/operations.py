"""Polls over WebSocket: the operations `polls.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, Scope, User
from chatserver_plugins.polls.desk import PAGE, Chosen, Desk, Id, NewPoll


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A message with a poll."""

    message: Id


class Vote(Which, frozen=True, kw_only=True):
    """The places of the chosen options; none withdraws the vote."""

    choices: Chosen


class Place(Which, frozen=True, kw_only=True):
    """A place in the list of votes."""

    after: Annotated[str, Meta(max_length=100)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def create(user: User, given: NewPoll) -> object:
        return {"poll": await desk().create(user, given)}

    async def show(user: User, which: Which) -> object:
        return {"poll": await desk().show(user, which.message)}

    async def vote(user: User, given: Vote) -> object:
        return {"poll": await desk().vote(user, given.message, given.choices)}

    async def end(user: User, which: Which) -> object:
        return {"poll": await desk().end(user, which.message)}

    async def votes(user: User, place: Place) -> object:
        return await desk().votes(user, place.message, place.after, place.limit)

    read, write = Scope.READ, Scope.WRITE
    return [
        Operation(name="polls.create", arguments=NewPoll, run=create, scope=write),
        Operation(name="polls.get", arguments=Which, run=show, scope=read),
        Operation(name="polls.vote", arguments=Vote, run=vote, scope=write),
        Operation(name="polls.end", arguments=Which, run=end, scope=write),
        Operation(name="polls.votes", arguments=Place, run=votes, scope=read),
    ]
