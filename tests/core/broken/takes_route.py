"""Wants an address of the server, or of another plugin."""

import chatserver


class Plugin:
    class Config(chatserver.Settings, frozen=True):
        path: str = "/health"

    def __init__(self, config: Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        return [chatserver.Route(path=self.config.path, get=self.get)]

    async def get(self, request: chatserver.Request) -> chatserver.Reply:
        return chatserver.Reply(body=b"{}")
