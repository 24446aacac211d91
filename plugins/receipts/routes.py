"""Receipts over HTTP: /api/v1/receipts."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.receipts.desk import Desk
from chatserver_plugins.receipts.operations import Choice

PATH = "/api/v1/receipts"

_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        return Reply(body=_encode(await desk().terms(await request.user())))

    async def choose(request: Request) -> Reply:
        user = await request.user()
        try:
            given = msgspec.json.decode(request.body, type=Choice)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        return Reply(body=_encode(await desk().choose(user, shown=given.shown)))

    async def readers(request: Request) -> Reply:
        user = await request.user()
        return Reply(body=_encode(await desk().readers(user, request.parameters["message"])))

    return [
        Route(path=PATH, get=show, put=choose),
        Route(path=f"{PATH}/{{message}}", get=readers),
    ]
