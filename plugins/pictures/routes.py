"""Pictures over HTTP: one's own, those of others, and their bytes."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import Blob, ChatError, PluginBlobs, Reply, Request, Route, Scope
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
        asked, rooms = _ids(request, "users"), _ids(request, "rooms")
        if not asked and not rooms:
            raise ChatError("request.invalid", "users: expected ids, with commas between them.")
        found = {"pictures": await desk().of(user, asked)}
        if rooms:
            found["rooms"] = await desk().of_rooms(user, rooms)
        return Reply(body=_encode(found))

    async def put_for_room(request: Request) -> Reply:
        user = await request.user()
        desk().demand_turn(user)
        content = b"".join([part async for part in request.parts()])
        picture = await desk().set_for_room(user, request.parameters["room"], content)
        return Reply(body=_encode({"picture": picture}))

    async def remove_from_room(request: Request) -> Reply:
        await desk().remove_from_room(await request.user(), request.parameters["room"])
        return Reply(body=b"{}")

    async def show(request: Request) -> Reply:
        await request.user()
        return kept(
            await desk().show(request.parameters["user"], request.parameters["picture"]), request
        )

    async def show_of_room(request: Request) -> Reply:
        user, given = await request.user(), request.parameters
        return kept(await desk().show_of_room(user, given["room"], given["picture"]), request)

    def kept(blob: Blob, request: Request) -> Reply:
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
        Route(
            path="/api/v1/rooms/{room}/picture",
            put=put_for_room,
            delete=remove_from_room,
            streams_body=True,
            body_bytes=most_bytes,
            scopes={"put": Scope.ROOMS, "delete": Scope.ROOMS},
        ),
        Route(path="/api/v1/rooms/{room}/picture/{picture}", get=show_of_room, scopes=READING),
    ]


def _ids(request: Request, name: str) -> list[str]:
    return [each for each in request.query.get(name, "").split(",") if each]
