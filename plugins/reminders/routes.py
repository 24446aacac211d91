"""Reminders over HTTP: /api/v1/reminders."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.reminders.desk import PAGE, Change, Desk, New

T = TypeVar("T")

PATH = "/api/v1/reminders"

_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The address, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        limit = request.query.get("limit", str(PAGE))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= PAGE):
            raise ChatError("request.invalid", f"limit: expected a number from 1 to {PAGE}.")
        page = await desk().page(user, request.query.get("after", ""), int(limit))
        return Reply(body=_encode(page))

    async def set_one(request: Request) -> Reply:
        user = await request.user()
        reminder, repeated = await desk().set(user, _read(request.body, New))
        return Reply(body=_encode(reminder), status=200 if repeated else 201)

    async def change(request: Request) -> Reply:
        user = await request.user()
        given = _read(request.body, Change)
        return Reply(body=_encode(await desk().change(user, _message(request), given)))

    async def remove(request: Request) -> Reply:
        user = await request.user()
        await desk().remove(user, _message(request))
        return Reply(body=b"", status=204)

    return [Route(path=PATH, get=show, post=set_one, patch=change, delete=remove)]


def _message(request: Request) -> str:
    found = request.query.get("message", "")
    if not 1 <= len(found) <= 100:
        raise ChatError("request.invalid", "message: expected 1 to 100 characters.")
    return found


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
