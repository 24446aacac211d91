"""Names data where there is no message."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(data=("tasks",))
    async def on_event(self, event: chatserver.AnyEvent) -> None: ...
