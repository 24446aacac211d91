"""Translations over HTTP: /api/v1/translations."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.translation.desk import Desk
from chatserver_plugins.translation.operations import Wanted


def routes(desk: Callable[[], Desk], deadline: float) -> Sequence[Route]:
    """The address, for a desk that exists once requests come."""

    async def translate(request: Request) -> Reply:
        user, wanted = await request.user(), _wanted(request.body)
        found = await desk().translate(user, wanted.message, wanted.language)
        return Reply(body=msgspec.json.encode(found))

    return [
        Route(
            path="/api/v1/translations",
            post=translate,
            deadline=deadline,
            scopes={"post": Scope.READ},
        )
    ]


def _wanted(body: bytes) -> Wanted:
    """Raises `ChatError` request.invalid."""
    try:
        return msgspec.json.decode(body, type=Wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
