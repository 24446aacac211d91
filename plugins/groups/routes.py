"""Groups over HTTP: /api/v1/groups."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.groups.desk import Desk
from chatserver_plugins.groups.views import GroupChanges, NewGroup

PATH = "/api/v1/groups"
READING = {"get": Scope.READ}
BODY_BYTES = 16_384  # 200 ids and a title

GivenT = TypeVar("GivenT")
_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show_all(request: Request) -> Reply:
        return Reply(body=_encode(await desk().all(await request.user())))

    async def show(request: Request) -> Reply:
        user = await request.user()
        return Reply(body=_encode(await desk().get(user, request.parameters["name"])))

    async def make(request: Request) -> Reply:
        user, given = await request.user(), _given(request, NewGroup)
        return Reply(body=_encode(await desk().make(user, request.address, given)), status=201)

    async def change(request: Request) -> Reply:
        user, given = await request.user(), _given(request, GroupChanges)
        changed = await desk().change(user, request.address, request.parameters["name"], given)
        return Reply(body=_encode(changed))

    async def remove(request: Request) -> Reply:
        user = await request.user()
        await desk().remove(user, request.address, request.parameters["name"])
        return Reply(body=b"{}")

    async def leave(request: Request) -> Reply:
        user = await request.user()
        await desk().leave(user, request.address, request.parameters["name"])
        return Reply(body=b"{}")

    return [
        Route(path=PATH, get=show_all, post=make, scopes=READING, body_bytes=BODY_BYTES),
        Route(
            path=f"{PATH}/{{name}}",
            get=show,
            patch=change,
            delete=remove,
            scopes=READING,
            body_bytes=BODY_BYTES,
        ),
        Route(path=f"{PATH}/{{name}}/leave", post=leave),
    ]


def _given(request: Request, kind: type[GivenT]) -> GivenT:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
