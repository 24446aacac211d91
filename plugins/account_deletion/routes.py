"""The deletion of one's own account over HTTP: /api/v1/me/deletion."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.account_deletion.desk import Desk, Wish

PATH = "/api/v1/me/deletion"

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Wish).decode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The address, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        return Reply(body=_encode(await desk().stands(await request.user())))

    async def want(request: Request) -> Reply:
        user = await request.user()
        try:
            wish = _decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        found = await desk().want(user, request.token, request.address, wish.username)
        return Reply(body=_encode(found), status=202)

    async def keep(request: Request) -> Reply:
        return Reply(body=_encode(await desk().keep(await request.user(), request.address)))

    return [Route(path=PATH, get=show, post=want, delete=keep)]
