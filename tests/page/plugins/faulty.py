"""Puts something into every place of the page that fails when it is used for the first time."""

from pathlib import Path
from typing import Any

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def register_page(self) -> chatserver.PagePart:
        return chatserver.PagePart(
            folder=Path(__file__).parent / "faulty_page", modules=("faulty.js",)
        )

    @chatserver.hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [chatserver.MessageData(name="faulty", schema=dict[str, Any], from_clients=True)]
