"""The data browser: read-only pages for rooms, events, users and sessions in any store.

For development. Staff of the server see everything here, including private rooms, so `chatserver.Inspection`,
through which this plugin reads all data, logs each look and reports it to plugins.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from chatserver import Context, Powers, Route, Settings, hookimpl, translation
from chatserver_plugins.browser.door import Door


class BrowserPlugin:
    """Serves /_admin/data, which the proxies of deploy/ show to operators only."""

    class Config(Settings, frozen=True, kw_only=True):
        rows: Annotated[
            int,
            msgspec.Meta(
                title="Rows on a page", description="Number of rows on a page.", ge=5, le=200
            ),
            translation("ja", "1 ページの行数", "1 ページに表示する行の数です。"),
        ] = 50

    powers = Powers(service=("inspect",))

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        return Door(context.service, self._config.rows).routes()
