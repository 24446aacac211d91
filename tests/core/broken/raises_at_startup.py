"""Raises when it is to begin."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def startup(self) -> None:
        raise RuntimeError("broken on purpose")
