"""A check that is a plain function, and stops the event loop for some messages."""

import time

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def check_message(self, draft: chatserver.Draft) -> None:
        if draft.body == "block":
            time.sleep(1.6)
