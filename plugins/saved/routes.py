"""Saved messages over HTTP: /api/v1/saved."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.saved.operations import Which
from chatserver_plugins.saved.shelf import PAGE, Shelf

PATH = "/api/v1/saved"

_encode = msgspec.json.encode


def routes(shelf: Callable[[], Shelf]) -> Sequence[Route]:
    """The address, for a shelf that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        limit = request.query.get("limit", str(PAGE))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= PAGE):
            raise ChatError("request.invalid", f"limit: expected a number from 1 to {PAGE}.")
        page = await shelf().page(user, request.query.get("after", ""), int(limit))
        return Reply(body=_encode(page))

    async def save(request: Request) -> Reply:
        user = await request.user()
        try:
            given = msgspec.json.decode(request.body, type=Which)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        return Reply(body=_encode(await shelf().save(user, given.message)))

    async def drop(request: Request) -> Reply:
        user = await request.user()
        message = request.query.get("message", "")
        if not 1 <= len(message) <= 100:
            raise ChatError("request.invalid", "message: expected 1 to 100 characters.")
        await shelf().drop(user, message)
        return Reply(body=b"", status=204)

    return [Route(path=PATH, get=show, post=save, delete=drop)]
