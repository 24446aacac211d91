"""A plugin that refuses messages in two languages, lets Hugo leave no room, and whose operation fails with any code one asks for."""

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

    @chatserver.hookimpl(actions=(chatserver.RoomLeave,))
    def check_action(
        self, action: chatserver.Action, user: chatserver.User
    ) -> chatserver.Refusal | None:
        return chatserver.Refusal("Say goodbye first.") if user.name == "Hugo" else None

    @chatserver.hookimpl
    def register_operations(self, context: chatserver.Context) -> list[chatserver.Operation]:
        return [chatserver.Operation(name="refusing.fail", arguments=dict, run=self._fail)]

    async def _fail(self, user: chatserver.User, given: dict[str, str]) -> None:
        code = given["code"]
        raise chatserver.ChatError(code, given.get("text") or CODES[code].text)
