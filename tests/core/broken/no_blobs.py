"""Could bring a place for files, but has none with its settings; that is allowed."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def provide_blobs(self) -> None:
        return None
