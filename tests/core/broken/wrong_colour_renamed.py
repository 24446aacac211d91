"""A plain function where the hook is async, under another name."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(specname="on_event")
    def look_at(self, event: chatserver.AnyEvent) -> None: ...
