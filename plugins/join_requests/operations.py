"""Requests to join over WebSocket: the operations `join_requests.*` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, User
from chatserver_plugins.join_requests.desk import PAGE, Answer, Ask, Desk, Id, Opening

Place = Annotated[str, Meta(max_length=64)]
Limit = Annotated[int, Meta(ge=1, le=PAGE)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A room."""

    room: Id


class RoomsAfter(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the list of rooms."""

    after: Place = ""
    limit: Limit = PAGE


class RequestsAfter(Which, frozen=True, kw_only=True):
    """A place in the requests of a room."""

    after: Place = ""
    limit: Limit = PAGE


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operations, for a desk that exists once they are called."""

    async def rooms(user: User, place: RoomsAfter) -> object:
        return await desk().rooms(user, place.after, place.limit)

    async def ask(user: User, given: Ask) -> object:
        room, _ = await desk().ask(user, given)
        return {"room": room}

    async def withdraw(user: User, which: Which) -> object:
        await desk().withdraw(user, which.room)
        return {}

    async def listed(user: User, place: RequestsAfter) -> object:
        return await desk().page(user, place.room, place.after, place.limit)

    async def everything(user: User, nothing: Nothing) -> object:
        return await desk().all(user)

    async def answer(user: User, given: Answer) -> object:
        await desk().answer(user, given)
        return {}

    async def set_open(user: User, given: Opening) -> object:
        return await desk().set_open(user, given)

    return [
        Operation(name="join_requests.rooms", arguments=RoomsAfter, run=rooms),
        Operation(name="join_requests.ask", arguments=Ask, run=ask),
        Operation(name="join_requests.withdraw", arguments=Which, run=withdraw),
        Operation(name="join_requests.list", arguments=RequestsAfter, run=listed),
        Operation(name="join_requests.all", arguments=Nothing, run=everything),
        Operation(name="join_requests.answer", arguments=Answer, run=answer),
        Operation(name="join_requests.open", arguments=Opening, run=set_open),
    ]
