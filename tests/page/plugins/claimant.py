"""Claims that messages are pinned."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        await context.claim(chatserver.Pin)
