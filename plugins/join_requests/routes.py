"""Requests to join over HTTP: /api/v1/join-requests."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.join_requests.desk import PAGE, Answer, Ask, Desk, Opening

PATH = "/api/v1/join-requests"

GivenT = TypeVar("GivenT")
_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def rooms(request: Request) -> Reply:
        user = await request.user()
        page = await desk().rooms(user, request.query.get("after", ""), _limit(request))
        return Reply(body=_encode(page))

    async def show(request: Request) -> Reply:
        user, room = await request.user(), request.query.get("room", "")
        if not room:
            return Reply(body=_encode(await desk().all(user)))
        page = await desk().page(user, room, request.query.get("after", ""), _limit(request))
        return Reply(body=_encode(page))

    async def ask(request: Request) -> Reply:
        user = await request.user()
        room, repeated = await desk().ask(user, _given(request, Ask))
        return Reply(body=_encode(room), status=200 if repeated else 201)

    async def withdraw(request: Request) -> Reply:
        user, room = await request.user(), request.query.get("room", "")
        if not room:
            raise ChatError("request.invalid", "room: expected the id of a room.")
        await desk().withdraw(user, room)
        return Reply(body=b"", status=204)

    async def answer(request: Request) -> Reply:
        user = await request.user()
        await desk().answer(user, _given(request, Answer))
        return Reply(body=b"{}")

    async def set_open(request: Request) -> Reply:
        user = await request.user()
        return Reply(body=_encode(await desk().set_open(user, _given(request, Opening))))

    return [
        Route(path=PATH, get=show, post=ask, delete=withdraw),
        Route(path=f"{PATH}/rooms", get=rooms, put=set_open),
        Route(path=f"{PATH}/answers", post=answer),
    ]


def _limit(request: Request) -> int:
    limit = request.query.get("limit", str(PAGE))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= PAGE):
        raise ChatError("request.invalid", f"limit: expected a number from 1 to {PAGE}.")
    return int(limit)


def _given(request: Request, kind: type[GivenT]) -> GivenT:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
