"""Forgets to return its routes."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def register_routes(self) -> None: ...
