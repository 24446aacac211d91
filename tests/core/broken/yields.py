"""A check that yields instead of returning."""

from collections.abc import Iterator

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def check_message(self, draft: chatserver.Draft) -> Iterator[None]:
        yield None
