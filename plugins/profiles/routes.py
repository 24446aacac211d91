"""Profiles over HTTP: one's own, and those of others."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.profiles.desk import Change, Desk

_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def of(request: Request) -> Reply:
        user = await request.user()
        asked = [each for each in request.query.get("users", "").split(",") if each]
        if not asked:
            raise ChatError("request.invalid", "users: expected ids, with commas between them.")
        return Reply(body=_encode({"profiles": await desk().of(user, asked)}))

    async def change(request: Request) -> Reply:
        user = await request.user()
        try:
            given = msgspec.json.decode(request.body, type=Change)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        return Reply(body=_encode(await desk().change(user, given, request.address)))

    async def clear(request: Request) -> Reply:
        user = await request.user()
        await desk().clear(user, request.parameters["user"], request.address)
        return Reply(body=b"{}")

    return [
        Route(path="/api/v1/profiles", get=of, scopes={"get": Scope.READ}),
        Route(path="/api/v1/me/profile", patch=change),
        Route(path="/api/v1/users/{user}/profile", delete=clear),
    ]
