"""The directory over HTTP: /api/v1/directory."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.directory.desk import Asked, Desk, shown

_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The address, for a desk that exists once requests come."""

    async def people(request: Request) -> Reply:
        user = await request.user()
        given = {
            name: request.query[name] for name in Asked.__struct_fields__ if name in request.query
        }
        try:
            asked = msgspec.convert(given, Asked, strict=False)  # a number may be a text
        except msgspec.ValidationError as error:
            raise ChatError("request.invalid", str(error)) from error
        return Reply(body=_encode(shown(await desk().page(user, asked))))

    return [Route(path="/api/v1/directory", get=people, scopes={"get": Scope.READ})]
