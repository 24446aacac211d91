"""A plugin that refuses messages in two languages, and whose operation fails with any code one asks for.

It lets Hugo leave no room, and delete no message of others.
"""

import chatserver
from chatserver.errors import CODES


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def check_message(self, draft: chatserver.Draft) -> chatserver.Refusal | None:
        if draft.body == "loud":
            return chatserver.Refusal({"en": "It is night.", "ja": "夜です。"})
        return chatserver.Refusal("Say please.") if draft.body == "rude" else None

    @chatserver.hookimpl(actions=(chatserver.RoomLeave, chatserver.MessageDelete))
    def check_action(
        self, action: chatserver.Action, user: chatserver.User
    ) -> chatserver.Refusal | None:
        if user.name != "Hugo":
            return None
        if isinstance(action, chatserver.MessageDelete):
            return chatserver.Refusal("Ask them first.") if action.author != user.id else None
        return chatserver.Refusal("Say goodbye first.")

    @chatserver.hookimpl
    def register_operations(self, context: chatserver.Context) -> list[chatserver.Operation]:
        return [chatserver.Operation(name="refusing.fail", arguments=dict, run=self._fail)]

    async def _fail(self, user: chatserver.User, given: dict[str, str]) -> None:
        code = given["code"]
        raise chatserver.ChatError(code, given.get("text") or CODES[code].text)
