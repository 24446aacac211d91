"""Forgets to decorate its hook."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    async def check_message(self, draft: chatserver.Draft) -> None: ...
