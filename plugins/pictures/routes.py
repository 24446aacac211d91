"""Pictures over HTTP: one's own, those of others, and their bytes."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, PluginBlobs, Reply, Request, Route, Scope
from chatserver_plugins.pictures.desk import Desk

OWN = "/api/v1/me/picture"
# A picture never changes at its address. Only the browser of somebody who is signed in keeps it.
FOR_EVER = "private, max-age=31536000, immutable"
READING = {"get": Scope.READ}
_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk], blobs: PluginBlobs, most_bytes: int) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def put(request: Request) -> Reply:
        user = await request.user()
        desk().demand_turn(user)
        content = b"".join([part async for part in request.parts()])
        picture = await desk().set(user, content, request.address)
        return Reply(body=_encode({"picture": picture}))

    async def remove_own(request: Request) -> Reply:
        await desk().remove(await request.user(), None, request.address)
        return Reply(body=b"{}")

    async def remove(request: Request) -> Reply:
        user = await request.user()
        await desk().remove(user, request.parameters["user"], request.address)
        return Reply(body=b"{}")

    async def of(request: Request) -> Reply:
        user = await request.user()
        asked = [each for each in request.query.get("users", "").split(",") if each]
        if not asked:
            raise ChatError("request.invalid", "users: expected ids, with commas between them.")
        return Reply(body=_encode({"pictures": await desk().of(user, asked)}))

    async def show(request: Request) -> Reply:
        await request.user()
        blob = await desk().show(request.parameters["user"], request.parameters["picture"])
        reply = blobs.reply(blob, request)
        return msgspec.structs.replace(reply, headers={**reply.headers, "Cache-Control": FOR_EVER})

    return [
        Route(
            path=OWN,
            put=put,
            delete=remove_own,
            streams_body=True,
            body_bytes=most_bytes,
            scopes={"put": Scope.WRITE, "delete": Scope.WRITE},
        ),
        Route(path="/api/v1/pictures", get=of, scopes=READING),
        Route(path="/api/v1/users/{user}/picture", delete=remove),
        Route(path="/api/v1/users/{user}/picture/{picture}", get=show, scopes=READING),
    ]
