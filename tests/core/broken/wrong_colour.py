"""A plain function where the hook is async."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def check_message(self, draft: chatserver.Draft) -> None: ...
