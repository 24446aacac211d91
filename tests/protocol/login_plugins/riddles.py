"""A plugin with the sign-in methods of the tests, a machine, and an address that shows a request."""

import json

import chatserver
from tests.core.loginmethods import Elsewhere, Riddle, Second


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.second = Second()

    @chatserver.hookimpl
    def register_login_methods(self, context: chatserver.Context) -> list[chatserver.LoginMethod]:
        broken = Riddle(purposes=("sign_in",)).method
        return [
            Riddle().method,
            Elsewhere().method,
            self.second.method,
            chatserver.LoginMethod(
                name="broken", label="Broken", begin=broken.begin, proceed=self._broken
            ),
        ]

    @chatserver.hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        self._context = context
        return [chatserver.Route(path="/riddles", get=self._show)]

    async def _broken(self, flow: chatserver.LoginFlow, answer: object) -> chatserver.LoginStep:
        raise RuntimeError

    async def _show(self, request: chatserver.Request) -> chatserver.Reply:
        bot = await self._context.bot("Helper")
        shown = [request.is_secure, request.cookie("one"), self._context.public_url, bot.id]
        return chatserver.Reply(
            body=json.dumps(shown).encode(),
            cookies=(
                chatserver.Cookie(name="one", value="1", seconds=60),
                chatserver.Cookie(name="two", value="2", path="/riddles", strict=True),
            ),
        )
