"""The data browser: rooms, events, users and sessions of whatever store is on, to read.

For development. Staff of the server see everything here, private rooms included, so each look is
logged and told to plugins by `chatserver.Inspection`, the only way this plugin has to the data.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from chatserver import Context, Route, Settings, hookimpl
from chatserver_plugins.browser.door import Door


class BrowserPlugin:
    """Serves /_admin/data, which the nginx site hides from the world."""

    class Config(Settings, frozen=True, kw_only=True):
        rows: Annotated[int, msgspec.Meta(description="Lines on a page.", ge=5, le=200)] = 50

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        return Door(context.service, self._config.rows).routes()
