"""Brings something that is no bus."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def provide_bus(self) -> object:
        return object()
