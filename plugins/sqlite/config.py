"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True):
    """Where the file is."""

    path: Annotated[
        str,
        Meta(
            description="Path of the database file, on a local disk. Empty: `sqlite/chat.db` in "
            "the server's data folder."
        ),
    ] = ""
    timeout_ms: Annotated[
        int,
        Meta(description="No call takes longer, in milliseconds; then it fails.", ge=100, le=60000),
    ] = 2500
