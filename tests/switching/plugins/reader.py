"""A plugin that uses the GraphQL parts of all plugins. Its instances write into one log."""

import chatserver
from chatserver import hookimpl

LOG: list[str] = []


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.log = LOG

    @hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        names = [part.name for part in context.graphql]

        async def show(request: chatserver.Request) -> chatserver.Reply:
            return chatserver.Reply(body=" ".join(names).encode())

        return [chatserver.Route(path="/parts", get=show)]

    @hookimpl
    async def startup(self) -> None:
        self.log.append("start")

    @hookimpl
    async def shutdown(self) -> None:
        self.log.append("end")
