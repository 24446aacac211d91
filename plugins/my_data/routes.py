"""Personal data over HTTP: /api/v1/me/data for everybody, /api/v1/users/ID/data for staff."""

from collections.abc import Sequence

import msgspec

from chatserver import Reply, Request, Route
from chatserver_plugins.my_data.desk import Desk

PATH = "/api/v1/me/data"
REPORT_SECONDS = 120.0  # it reads the logs of all rooms of a person
NAME = "my-data.zip"

_encode = msgspec.json.encode


def routes(desk: Desk) -> Sequence[Route]:
    """The addresses."""

    async def show(request: Request) -> Reply:
        return Reply(body=_encode(await desk.held(await request.user())))

    async def ask(request: Request) -> Reply:
        """Whether the export would be given, so that a page can ask for a confirmation before it begins."""
        await desk.demand_export(await request.user(), request.token)
        return Reply(body=b"", status=204)

    async def export(request: Request) -> Reply:
        user = await request.user()
        parts = await desk.export(user, request.token, request.query.get("language", "")[:40])
        headers = {
            "Content-Disposition": f'attachment; filename="{NAME}"',
            "Cache-Control": "no-store",
        }
        return Reply(body=parts, content_type="application/zip", headers=headers)

    async def show_of(request: Request) -> Reply:
        user, other = await request.user(), request.parameters["user"]
        return Reply(body=_encode(await desk.held_of(user, request.address, other)))

    return [
        Route(path=PATH, get=show, deadline=REPORT_SECONDS),
        Route(path=f"{PATH}/export", get=export, post=ask),
        Route(path="/api/v1/users/{user}/data", get=show_of, deadline=REPORT_SECONDS),
    ]
