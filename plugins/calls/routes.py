"""Calls over HTTP."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.calls.desk import Desk
from chatserver_plugins.calls.operations import Begin, Join

_encode = msgspec.json.encode
BodyT = TypeVar("BodyT")


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def begin(request: Request) -> Reply:
        user, given = await request.user(), _body(request, Begin)
        return Reply(status=201, body=_encode(await desk().begin(user, given.room, given.thread)))

    async def join(request: Request) -> Reply:
        user, given = await request.user(), _body(request, Join)
        return Reply(body=_encode(await desk().join(user, given.message)))

    return [Route(path="/api/v1/calls", post=begin), Route(path="/api/v1/calls/join", post=join)]


def _body(request: Request, kind: type[BodyT]) -> BodyT:
    """Raises `ChatError` request.invalid."""
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
