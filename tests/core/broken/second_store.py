"""Brings a store, too."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def provide_store(self) -> chatserver.Store:
        raise NotImplementedError
