"""Drafts over HTTP: /api/v1/drafts."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.drafts.desk import Desk, Save, Which
from chatserver_plugins.drafts.operations import Asked

T = TypeVar("T", bound=msgspec.Struct)

PATH = "/api/v1/drafts"

_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The address, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        if "room" in request.query or "thread" in request.query:
            which = _queried(request, Which)
            return Reply(body=_encode(await desk().get(user, which.place)))
        asked = _queried(request, Asked)
        return Reply(body=_encode(await desk().page(user, asked.after, asked.limit)))

    async def save(request: Request) -> Reply:
        user = await request.user()
        try:
            given = msgspec.json.decode(request.body, type=Save)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        return Reply(body=_encode(await desk().save(user, given)))

    async def remove(request: Request) -> Reply:
        user = await request.user()
        which = _queried(request, Which)
        await desk().save(user, Save(room=which.room, thread=which.thread, body=""))
        return Reply(body=b"", status=204)

    return [Route(path=PATH, get=show, put=save, delete=remove)]


def _queried(request: Request, kind: type[T]) -> T:
    """What the query of an address asks for."""
    given = {name: request.query[name] for name in kind.__struct_fields__ if name in request.query}
    try:
        return msgspec.convert(given, kind, strict=False)  # a number may be a text
    except msgspec.ValidationError as error:
        raise ChatError("request.invalid", str(error)) from error
