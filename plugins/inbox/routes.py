"""The inbox over HTTP: /api/v1/inbox."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.inbox.desk import PAGE, Desk

PATH = "/api/v1/inbox"
T = TypeVar("T")


class Choice(msgspec.Struct, frozen=True):
    following: bool


class UpTo(msgspec.Struct, frozen=True):
    seq: Annotated[int, msgspec.Meta(ge=1)]


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        after, limit = request.query.get("after", ""), _number(request.query.get("limit", ""))
        return Reply(body=msgspec.json.encode(await desk().page(user, after, limit)))

    async def seen(request: Request) -> Reply:
        await desk().see(await request.user())
        return Reply(body=b"", status=204)

    async def ask(request: Request) -> Reply:
        user = await request.user()
        return _encoded(await desk().follow(user, request.parameters["message"]))

    async def follow(request: Request) -> Reply:
        user, given = await request.user(), _given(request, Choice)
        return _encoded(await desk().follow(user, request.parameters["message"], given.following))

    async def read(request: Request) -> Reply:
        user, given = await request.user(), _given(request, UpTo)
        await desk().read_thread(user, request.parameters["message"], given.seq)
        return Reply(body=b"", status=204)

    thread = f"{PATH}/threads/{{message}}"
    return [
        Route(path=PATH, get=show),
        Route(path=f"{PATH}/seen", post=seen),
        Route(path=thread, get=ask, put=follow),
        Route(path=f"{thread}/read", post=read),
    ]


def _encoded(answer: object) -> Reply:
    return Reply(body=msgspec.json.encode(answer))


def _given(request: Request, kind: type[T]) -> T:
    """The body. Raises `ChatError` request.invalid."""
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error


def _number(text: str) -> int:
    """The limit. Raises `ChatError` request.invalid."""
    if not text:
        return PAGE
    if not text.isascii() or not text.isdecimal():
        raise ChatError("request.invalid", "limit: expected a number.")
    return int(text[:9])
