"""Mails about messages over HTTP: /api/v1/mail-notifications."""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import Reply, Request, Route
from chatserver_plugins.mail_notifications.desk import Desk

PATH = "/api/v1/mail-notifications"
_encode = msgspec.json.encode


def routes(desk: Callable[[], Desk]) -> Sequence[Route]:
    """The addresses, for a desk that exists once requests come."""

    async def show(request: Request) -> Reply:
        return Reply(body=_encode(await desk().state(await request.user())))

    async def retry(request: Request) -> Reply:
        return Reply(body=_encode(await desk().retry(await request.user())))

    return [Route(path=PATH, get=show), Route(path=f"{PATH}/retry", post=retry)]
