"""Does not say which actions it checks."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def check_action(self, action: chatserver.Action) -> None: ...
