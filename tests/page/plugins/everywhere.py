"""Puts something into every place of the page."""

from pathlib import Path

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self._counted = 0

    @chatserver.hookimpl
    def register_page(self) -> chatserver.PagePart:
        folder = Path(__file__).parent / "everywhere_page"
        return chatserver.PagePart(
            folder=folder, modules=("everywhere.js",), styles=("everywhere.css",)
        )

    @chatserver.hookimpl
    def register_operations(self, context: chatserver.Context) -> list[chatserver.Operation]:
        return [
            chatserver.Operation(name="everywhere.refuse", arguments=dict, run=self._refuse),
            chatserver.Operation(name="everywhere.count", arguments=dict, run=self._count),
        ]

    async def _refuse(self, user: chatserver.User, given: object) -> object:
        raise chatserver.ChatError("room.forbidden")

    async def _count(self, user: chatserver.User, given: object) -> object:
        self._counted += 1
        return self._counted
