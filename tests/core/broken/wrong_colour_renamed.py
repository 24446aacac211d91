"""A plain function where the hook is async, under another name."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(specname="check_message")
    def look_at(self, draft: chatserver.Draft) -> None: ...
