"""Names actions where there are none."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(actions=(chatserver.RoomJoin,))
    async def check_message(self, draft: chatserver.Draft) -> None: ...
