"""Reports over HTTP: /api/v1/reports."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from chatserver import ChatError, Reply, Request, Route
from chatserver_plugins.reports.cases import NewReport, State, Verdict
from chatserver_plugins.reports.desk import MOST, PAGE, Desk

T = TypeVar("T")

PATH = "/api/v1/reports"
_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def report(request: Request) -> Reply:
        user = await request.user()
        made = await desk().report(user, _read(request.body, NewReport))
        return Reply(body=_encode(made), status=201 if made.new else 200)

    async def page(request: Request) -> Reply:
        user = await request.user()
        asked = request.query
        found = await desk().page(
            user,
            request.address,
            asked.get("room") or None,
            _state(asked.get("state", "open")),
            asked.get("after", ""),
            _limit(asked.get("limit", str(PAGE))),
        )
        return Reply(body=_encode(found))

    async def count(request: Request) -> Reply:
        user = await request.user()
        room = request.query.get("room") or None
        return Reply(body=_encode({"open": await desk().count(user, request.address, room)}))

    async def own(request: Request) -> Reply:
        return Reply(body=_encode({"reports": await desk().own(await request.user())}))

    async def seen(request: Request) -> Reply:
        return Reply(body=_encode({"reports": await desk().seen(await request.user())}))

    async def settle(request: Request) -> Reply:
        user = await request.user()
        verdict = _read(request.body or b"{}", Verdict)
        case = request.parameters["report"]
        return Reply(body=_encode(await desk().settle(user, request.address, case, verdict)))

    return [
        Route(path=PATH, get=page, post=report),
        Route(path=f"{PATH}/count", get=count),
        Route(path=f"{PATH}/own", get=own),
        Route(path=f"{PATH}/own/seen", post=seen),
        Route(path=f"{PATH}/{{report}}/settle", post=settle),
    ]


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError as error:
        raise ChatError("request.invalid", "state: expected open or settled.") from error


def _limit(text: str) -> int:
    if not text.isdecimal() or not int(text[:9]) >= 1:
        raise ChatError("request.invalid", "limit: expected a number of at least 1.")
    return min(int(text[:9]), MOST)


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
