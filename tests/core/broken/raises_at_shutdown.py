"""Raises when it is to end, as if there were a client to answer."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def shutdown(self) -> None:
        raise chatserver.StoreUnavailable
