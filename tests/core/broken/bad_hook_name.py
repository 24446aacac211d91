"""Implements a hook that there is not."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def check_mesage(self, draft: chatserver.Draft) -> None: ...
