"""Names the data that it wants by a text in place of a sequence."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(data="tasks")
    async def check_message(self, draft: chatserver.Draft) -> None: ...
