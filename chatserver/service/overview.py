"""One look at the running installation, for staff of the server: what `chatserver status` shows to operators."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from chatserver.errors import ChatError
from chatserver.model import User
from chatserver.runtime.singleflight import SingleFlight
from chatserver.service.administration import Administration
from chatserver.status.report import Status


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The disk of the data folder of the node that answers, in bytes."""

    free: int
    total: int


class OverviewReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the installation. `alerts` of the status is always null: no Alertmanager is asked."""

    status: Status
    disk: Disk


class Overview:
    """The way of all doors to the report. `look_now` is set once the server is complete."""

    look_now: Callable[[], Coroutine[Any, Any, OverviewReport]] | None = None

    def __init__(self, administration: Administration) -> None:
        self._administration = administration
        self._looks: SingleFlight[OverviewReport] = SingleFlight()

    async def look(self, actor: User, address: str | None = None) -> OverviewReport:
        """The report, read anew unless somebody else reads it at the moment. Staff of the server only.

        It takes up to ten seconds if a node has died lately. Raises `ChatError` user.forbidden, auth.address,
        server.draining.
        """
        self._administration.demand(actor, address)
        if self.look_now is None:
            raise ChatError("server.draining")
        return await self._looks.run("", self.look_now)
