"""Names something that is no action."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl(actions=(chatserver.RoomJoin, chatserver.Draft))
    async def check_action(self, action: chatserver.Action) -> None: ...
