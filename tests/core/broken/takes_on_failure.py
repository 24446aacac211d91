"""A plugin whose setting has the name of one of the server's own."""

from typing import Any

import chatserver


class Plugin:
    class Config(chatserver.Settings, frozen=True):
        on_failure: str = ""

    def __init__(self, config: Config) -> None:
        self.config = config

    @chatserver.hookimpl
    async def check_message(self) -> Any:
        return None
