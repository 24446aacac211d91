"""Implements a hook that there is not, and says that this is all right."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(optionalhook=True)
    async def check_mesage(self, draft: chatserver.Draft) -> None: ...
