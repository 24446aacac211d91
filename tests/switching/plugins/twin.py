"""A plugin with an address of another, and a field of another's type if it is told so."""

import chatserver
from chatserver import hookimpl


class Plugin:
    class Config(chatserver.Settings):
        path: str = "/whole"
        graphql: bool = False

    def __init__(self, config: "Plugin.Config") -> None:
        self._path, self._graphql = config.path, config.graphql

    @hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        async def word(request: chatserver.Request) -> chatserver.Reply:
            return chatserver.Reply(body=b"twin")

        return [chatserver.Route(path=self._path, get=word)]

    @hookimpl
    def register_graphql(self) -> list[chatserver.GraphQLPart]:
        if not self._graphql:
            return []
        return [chatserver.GraphQLPart(name="twin", sdl="extend type Whole { twin: Int }")]
