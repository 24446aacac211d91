"""Brings a place for files beside another one."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def provide_blobs(self) -> object:
        return object()
