"""Raises when it is made."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        raise RuntimeError("broken on purpose")
