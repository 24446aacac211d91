"""Async where the hook is a plain function."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def register_routes(self) -> list[chatserver.Route]:
        return []
