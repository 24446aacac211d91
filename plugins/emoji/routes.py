"""Emoji over HTTP: /api/v1/emoji."""

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.emoji.desk import PATH, Desk, NewEmoji

READING = {"get": Scope.READ}
SECONDS = 30.0  # for adding one, as a place for files may be slow
JSON_BYTES = 1024  # of a request beside the picture
FOR_EVER = "public, max-age=31536000, immutable"
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(NewEmoji).decode


def routes(desk: Callable[[], Desk], largest: int) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come. `largest` is the number of bytes of a picture."""

    async def show_all(request: Request) -> Reply:
        return Reply(body=_encode(await desk().all(await request.user())))

    async def add(request: Request) -> Reply:
        user = await request.user()  # refuses before anything of the body is read
        body = b"".join([part async for part in request.parts()])
        made = await desk().add(user, request.address, _read(body))
        return Reply(body=_encode(made), status=201)

    async def remove(request: Request) -> Reply:
        user = await request.user()
        await desk().remove(user, request.address, request.parameters["name"])
        return Reply(body=b"{}")

    async def show(request: Request) -> Reply:
        """For everybody who knows the address, which cannot be guessed: browsers and CDNs keep it for ever."""
        given = request.parameters
        reply = await desk().picture(given["name"], given["picture"], request)
        content = reply.body if isinstance(reply.body, bytes) else await _joined(reply.body)
        headers = {**reply.headers, "Cache-Control": FOR_EVER}
        return msgspec.structs.replace(reply, body=content, headers=headers)

    return [
        Route(
            path=PATH,
            get=show_all,
            post=add,
            scopes=READING,
            streams_body=True,
            body_bytes=-(-largest // 3) * 4 + JSON_BYTES,
            deadline=SECONDS,
        ),
        Route(path=f"{PATH}/{{name}}", delete=remove),
        Route(path=f"{PATH}/{{name}}/{{picture}}", get=show),
    ]


async def _joined(parts: AsyncIterator[bytes]) -> bytes:
    """A picture is small: sent as a whole it needs no place among the streamed answers."""
    return b"".join([part async for part in parts])


def _read(body: bytes) -> NewEmoji:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
