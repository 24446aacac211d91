"""The inbox over HTTP: /api/v1/inbox."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.inbox.desk import PAGE, Desk

PATH = "/api/v1/inbox"


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        after, limit = request.query.get("after", ""), _number(request.query.get("limit", ""))
        return Reply(body=msgspec.json.encode(await desk().page(user, after, limit)))

    async def seen(request: Request) -> Reply:
        await desk().see(await request.user())
        return Reply(body=b"", status=204)

    return [Route(path=PATH, get=show), Route(path=f"{PATH}/seen", post=seen)]


def _number(text: str) -> int:
    """The limit. Raises `ChatError` request.invalid."""
    if not text:
        return PAGE
    if not text.isascii() or not text.isdecimal():
        raise ChatError("request.invalid", "limit: expected a number.")
    return int(text[:9])
