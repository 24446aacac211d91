"""Scheduled messages over HTTP: /api/v1/scheduled."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.scheduled.book import Book, NewScheduled, Scheduled

T = TypeVar("T")

PATH = "/api/v1/scheduled"


class Change(msgspec.Struct, frozen=True):
    """What to change; null leaves it as it is."""

    body: str | None = None
    at: str | None = None


class ScheduledList(msgspec.Struct, frozen=True):
    """All scheduled messages of a user, by time."""

    scheduled: Sequence[Scheduled]


_encode = msgspec.json.encode


def routes(book: Callable[[], Book]) -> Sequence[Route]:
    """The address, for a book that exists once requests come."""

    async def show(request: Request) -> Reply:
        user = await request.user()
        return Reply(body=_encode(ScheduledList(await book().list(user))))

    async def add(request: Request) -> Reply:
        user = await request.user()
        made, repeated = await book().add(user, _read(request.body, NewScheduled))
        return Reply(body=_encode(made), status=200 if repeated else 201)

    async def change(request: Request) -> Reply:
        user = await request.user()
        given = _read(request.body, Change)
        changed = await book().change(user, _client_id(request), body=given.body, at=given.at)
        return Reply(body=_encode(changed))

    async def cancel(request: Request) -> Reply:
        user = await request.user()
        await book().cancel(user, _client_id(request))
        return Reply(body=b"", status=204)

    scopes = dict.fromkeys(("get", "post", "patch", "delete"), Scope.WRITE)
    return [Route(path=PATH, get=show, post=add, patch=change, delete=cancel, scopes=scopes)]


def _client_id(request: Request) -> str:
    found = request.query.get("client_id", "")
    if not 1 <= len(found) <= 64:
        raise ChatError("request.invalid", "client_id: expected 1 to 64 characters.")
    return found


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
