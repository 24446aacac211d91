"""A plugin that sees each action of users, and refuses all of them while it is told to."""

import json

import chatserver
from chatserver.hooks.actions import ACTIONS


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.refuses = False
        self.seen: list[list[str | None]] = []

    @chatserver.hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        self._context = context
        return [
            chatserver.Route(path="/judge", get=self._tell, post=self._switch),
            chatserver.Route(path="/judge/ask", post=self._ask),
        ]

    @chatserver.hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [chatserver.MessageData(name="judge", schema=str, interact=self._answer)]

    async def _answer(self, interaction: chatserver.Interaction) -> None:
        return None

    async def _ask(self, request: chatserver.Request) -> chatserver.Reply:
        """Post a message with a button, as a user and in a room that the body names."""
        given = json.loads(request.body)
        service = self._context.service
        posted = await self._context.messages.post(
            await service.accounts.get(given["user"]),
            await service.rooms.get(given["room"]),
            "Yes?",
            parts=chatserver.Parts(of="judge", items=(chatserver.Button(id="yes", label="Yes"),)),
        )
        return chatserver.Reply(body=json.dumps(posted.id).encode())

    async def _switch(self, request: chatserver.Request) -> chatserver.Reply:
        self.refuses = request.body == b"true"
        return chatserver.Reply(body=b"[]")

    async def _tell(self, request: chatserver.Request) -> chatserver.Reply:
        seen, self.seen = self.seen, []
        return chatserver.Reply(body=json.dumps(seen).encode())

    @chatserver.hookimpl(actions=ACTIONS)
    async def check_action(
        self, action: chatserver.Action, user: chatserver.User | None, via: str
    ) -> chatserver.Refusal | None:
        self.seen.append([type(action).__name__, user.id if user else None, via])
        return chatserver.Refusal("Not today.") if self.refuses else None
