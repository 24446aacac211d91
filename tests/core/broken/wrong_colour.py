"""A plain function where the hook is async."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def on_event(self, event: chatserver.AnyEvent) -> None: ...
