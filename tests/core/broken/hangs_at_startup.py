"""Never ends its beginning."""

import asyncio

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def startup(self) -> None:
        await asyncio.Event().wait()
