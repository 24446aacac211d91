"""The announcement over HTTP: /api/v1/announcement."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import ChatError, Reply, Request, Route, Scope
from chatserver_plugins.announcements.board import Announcement, Board, NewAnnouncement

PATH = "/api/v1/announcement"


def routes(board: Callable[[], Board]) -> Sequence[Route]:
    """The address, for a board that exists once requests come."""

    async def current(request: Request) -> Reply:
        await request.user()
        return _reply(await board().current())

    async def announce(request: Request) -> Reply:
        user = await request.user()
        return _reply(await board().announce(user, request.address, _read(request.body)))

    async def clear(request: Request) -> Reply:
        user = await request.user()
        await board().clear(user, request.address)
        return Reply(body=b"", status=204)

    return [Route(path=PATH, get=current, put=announce, delete=clear, scopes={"get": Scope.READ})]


def _reply(announcement: Announcement | None) -> Reply:
    return Reply(body=msgspec.json.encode({"announcement": announcement}))


def _read(body: bytes) -> NewAnnouncement:
    try:
        return msgspec.json.decode(body, type=NewAnnouncement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
