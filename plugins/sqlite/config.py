"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True):
    """The database file, and the time limit."""

    path: Annotated[
        str,
        Meta(
            description="Path of the database file, on a local disk. Empty: `sqlite/chat.db` in "
            "the server's data folder.",
            extra={"operator": True},
        ),
    ] = ""
    timeout_ms: Annotated[
        int,
        Meta(description="Time limit for each call, in milliseconds.", ge=100, le=60000),
    ] = 2500
