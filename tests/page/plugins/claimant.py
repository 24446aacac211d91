"""Claims that messages are pinned, and that some users sign in."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        await context.claim(chatserver.Pin)
        await context.claim(chatserver.SignIn, having="kept/", roles=[chatserver.ServerRole.GUEST])
        await context.records.put("kept/nobody", b"x")
