"""Previews of links over HTTP: /api/v1/link-previews."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.link_previews.desk import Desk
from chatserver_plugins.link_previews.operations import Link

PATH = "/api/v1/link-previews/{message}"

_encode = msgspec.json.encode


class Unwanted(msgspec.Struct, frozen=True):
    """A link of the message. It is part of what somebody wrote, so it does not stand in the address, which is logged."""

    url: Link


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        return Reply(body=_encode(await desk().show(user, _message(request))))

    async def remove(request: Request) -> Reply:
        user, given = await request.user(), _unwanted(request.body)
        return Reply(body=_encode(await desk().remove(user, _message(request), given.url)))

    return [
        Route(path=PATH, get=show, scopes={"get": Scope.READ}),
        Route(path=f"{PATH}/remove", post=remove, scopes={"post": Scope.WRITE}),
    ]


def _message(request: Request) -> str:
    """Raises `ChatError` request.invalid."""
    found = request.parameters["message"]
    if len(found) > 100:
        raise ChatError("request.invalid", "message: expected at most 100 characters.")
    return found


def _unwanted(body: bytes) -> Unwanted:
    """Raises `ChatError` request.invalid."""
    try:
        return msgspec.json.decode(body, type=Unwanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
