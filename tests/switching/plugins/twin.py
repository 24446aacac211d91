"""A plugin with an address of another."""

import chatserver
from chatserver import hookimpl


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        async def word(request: chatserver.Request) -> chatserver.Reply:
            return chatserver.Reply(body=b"twin")

        return [chatserver.Route(path="/whole", get=word)]
