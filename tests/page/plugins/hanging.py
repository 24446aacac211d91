"""Its module never ends to begin."""

from pathlib import Path

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def register_page(self) -> chatserver.PagePart:
        return chatserver.PagePart(
            folder=Path(__file__).parent / "hanging_page", modules=("hanging.js",)
        )
