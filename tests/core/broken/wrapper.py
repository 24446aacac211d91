"""Wraps a hook."""

from collections.abc import Generator

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(wrapper=True)
    def check_message(self, draft: chatserver.Draft) -> Generator[None, object, object]:
        return (yield)
