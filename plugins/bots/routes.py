"""Bots over HTTP: /api/v1/bots, for people alone."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.bots.desk import Desk
from chatserver_plugins.bots.views import PAGE, BotChanges, NewBot, NewToken

PATH = "/api/v1/bots"

GivenT = TypeVar("GivenT")
_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        match request.query.get("whose", "own"):
            case "own":
                found = await desk().own(user)
            case "all":
                after = request.query.get("after", "")
                found = await desk().all(user, request.address, after, _limit(request))
            case _:
                raise ChatError("request.invalid", "whose: expected own or all.")
        return Reply(body=_encode(found))

    async def make(request: Request) -> Reply:
        user, given = await request.user(), _given(request, NewBot)
        return Reply(body=_encode(await desk().make(user, request.address, given)), status=201)

    async def change(request: Request) -> Reply:
        user, given = await request.user(), _given(request, BotChanges)
        changed = await desk().change(user, request.address, request.parameters["bot"], given)
        return Reply(body=_encode(changed))

    async def remove(request: Request) -> Reply:
        await desk().remove(await request.user(), request.address, request.parameters["bot"])
        return Reply(body=b"{}")

    async def token(request: Request) -> Reply:
        user, given = await request.user(), _given(request, NewToken)
        made = await desk().make_token(user, request.address, request.parameters["bot"], given)
        return Reply(body=_encode(made), status=201)

    async def revoke(request: Request) -> Reply:
        user, which = await request.user(), request.parameters
        await desk().revoke(user, request.address, which["bot"], which["token"])
        return Reply(body=b"{}")

    return [
        Route(path=PATH, get=show, post=make, body_bytes=8192),
        Route(path=f"{PATH}/{{bot}}", patch=change, delete=remove, body_bytes=8192),
        Route(path=f"{PATH}/{{bot}}/tokens", post=token, body_bytes=8192),
        Route(path=f"{PATH}/{{bot}}/tokens/{{token}}", delete=revoke),
    ]


def _given(request: Request, kind: type[GivenT]) -> GivenT:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error


def _limit(request: Request) -> int:
    text = request.query.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= PAGE):
        raise ChatError("request.invalid", f"limit: expected a number from 1 to {PAGE}.")
    return int(text)
