"""People see what is held about them, and get it as one file."""

from collections.abc import Sequence
from pathlib import Path

from chatserver import Context, PagePart, Powers, Route, Settings, hookimpl
from chatserver_plugins.my_data.desk import Desk
from chatserver_plugins.my_data.routes import routes


class MyDataPlugin:
    """Shows everybody how much is held about them, and gives it to them; to staff, how much is held of others."""

    powers = Powers(
        service=(
            "accounts.demand_recent",
            "accounts.get",
            "administration.demand",
            "privacy.archive",
            "privacy.report",
        )
    )

    def __init__(self, config: Settings) -> None:
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._desk = Desk(context)
        return routes(self._desk)

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("my_data.js",))
