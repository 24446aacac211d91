"""Names a pattern of texts where there is no message."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(matching=":[a-z]+:")
    async def on_event(self, event: chatserver.AnyEvent) -> None: ...
