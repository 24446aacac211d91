"""Web Push over HTTP: /api/v1/push, and the script that shows notices while the page is closed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.push.desk import Desk
from chatserver_plugins.push.devices import NewDevice

PATH = "/api/v1/push"
# Below the path of its address, so that it has no other work than this: the page's own keeps files.
WORKER = "/push/worker.js"
SCRIPT = (Path(__file__).parent / "page" / "worker.js").read_bytes()

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(NewDevice).decode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        return Reply(body=_encode(await desk().list(await request.user())))

    async def add(request: Request) -> Reply:
        user = await request.user()
        try:
            given = _decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        device, repeated = await desk().add(
            user, given, request.token, request.header("User-Agent") or ""
        )
        return Reply(body=_encode(device), status=200 if repeated else 201)

    async def remove(request: Request) -> Reply:
        await desk().remove(await request.user(), request.parameters["device"])
        return Reply(body=b"", status=204)

    async def worker(request: Request) -> Reply:
        headers = {"Cache-Control": "no-cache"}  # browsers look for a new one by themselves
        return Reply(body=SCRIPT, content_type="text/javascript; charset=utf-8", headers=headers)

    return [
        Route(path=PATH, get=show),
        Route(path=f"{PATH}/devices", post=add, body_bytes=8192),
        Route(path=f"{PATH}/devices/{{device}}", delete=remove),
        Route(path=WORKER, get=worker),
    ]
