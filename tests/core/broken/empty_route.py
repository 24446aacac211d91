"""Its address answers nothing."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        return [chatserver.Route(path="/nothing")]
