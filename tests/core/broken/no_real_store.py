"""Brings something that is no store."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def provide_store(self) -> object:
        return object()
