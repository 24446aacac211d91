"""Polls over HTTP: /api/v1/polls."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.polls.desk import PAGE, Chosen, Desk, NewPoll

PATH = "/api/v1/polls"

BodyT = TypeVar("BodyT")
_encode = msgspec.json.encode


class Choice(msgspec.Struct, frozen=True):
    """The places of the chosen options; none withdraws the vote."""

    choices: Chosen


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def create(request: Request) -> Reply:
        user = await request.user()
        made = await desk().create(user, _body(request, NewPoll))
        return Reply(body=_encode({"poll": made}), status=201)

    async def show(request: Request) -> Reply:
        user = await request.user()
        return Reply(body=_encode({"poll": await desk().show(user, _message(request))}))

    async def vote(request: Request) -> Reply:
        user, given = await request.user(), _body(request, Choice)
        poll = await desk().vote(user, _message(request), given.choices)
        return Reply(body=_encode({"poll": poll}))

    async def end(request: Request) -> Reply:
        user = await request.user()
        return Reply(body=_encode({"poll": await desk().end(user, _message(request))}))

    async def votes(request: Request) -> Reply:
        user, asked = await request.user(), request.query
        limit = asked.get("limit", str(PAGE))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= PAGE):
            raise ChatError("request.invalid", f"limit: expected a number from 1 to {PAGE}.")
        after = asked.get("after", "")
        if len(after) > 100:
            raise ChatError("request.invalid", "after: expected at most 100 characters.")
        found = await desk().votes(user, _message(request), after, int(limit))
        return Reply(body=_encode(found))

    read, write = Scope.READ, Scope.WRITE
    return [
        Route(path=PATH, post=create, scopes={"post": write}),
        Route(path=f"{PATH}/{{message}}", get=show, scopes={"get": read}),
        Route(path=f"{PATH}/{{message}}/vote", put=vote, scopes={"put": write}),
        Route(path=f"{PATH}/{{message}}/end", post=end, scopes={"post": write}),
        Route(path=f"{PATH}/{{message}}/votes", get=votes, scopes={"get": read}),
    ]


def _message(request: Request) -> str:
    """Raises `ChatError` request.invalid."""
    found = request.parameters["message"]
    if len(found) > 100:
        raise ChatError("request.invalid", "message: expected at most 100 characters.")
    return found


def _body(request: Request, kind: type[BodyT]) -> BodyT:
    """Raises `ChatError` request.invalid."""
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
