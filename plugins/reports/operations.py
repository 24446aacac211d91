"""Reports over WebSocket: the operations `reports.*` of chat.v1.

An operation does not know the client's address. Where `server.admin_networks` names some, the queue of all rooms is
for requests over HTTP and GraphQL alone.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.reports.cases import Id, NewReport, State, Verdict
from chatserver_plugins.reports.desk import MOST, PAGE, Desk


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    room: Id | None = None
    state: State = State.OPEN
    after: Annotated[str, Meta(max_length=300)] = ""
    limit: Annotated[int, Meta(ge=1, le=MOST)] = PAGE


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    room: Id | None = None


class Settled(Verdict, frozen=True, kw_only=True):
    report: Annotated[str, Meta(min_length=1, max_length=200)]


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def report(user: User, given: NewReport) -> object:
        return await desk().report(user, given)

    async def page(user: User, asked: Listed) -> object:
        return await desk().page(user, None, asked.room, asked.state, asked.after, asked.limit)

    async def count(user: User, asked: Counted) -> object:
        return {"open": await desk().count(user, None, asked.room)}

    async def own(user: User, nothing: Nothing) -> object:
        return {"reports": await desk().own(user)}

    async def seen(user: User, nothing: Nothing) -> object:
        return {"reports": await desk().seen(user)}

    async def settle(user: User, given: Settled) -> object:
        return await desk().settle(user, None, given.report, given)

    return [
        Operation(name="reports.report", arguments=NewReport, run=report),
        Operation(name="reports.list", arguments=Listed, run=page),
        Operation(name="reports.count", arguments=Counted, run=count),
        Operation(name="reports.own", arguments=Nothing, run=own),
        Operation(name="reports.seen", arguments=Nothing, run=seen),
        Operation(name="reports.settle", arguments=Settled, run=settle),
    ]
