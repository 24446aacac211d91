"""Takes an argument that the hook does not have."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def check_message(self, draught: chatserver.Draft) -> None: ...
