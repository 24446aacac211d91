"""A message that begins with "choose" gets parts of every kind; the first one shows what was chosen last."""

from collections.abc import Mapping
from typing import Any

import msgspec

import chatserver

COLOURS = (chatserver.Option(id="r", label="Red"), chatserver.Option(id="g", label="Green"))


def parts(text: str) -> chatserver.Parts:
    return chatserver.Parts(
        of="choices",
        items=(
            chatserver.TextPart(text=text),
            chatserver.Button(id="yes", label="<b>Yes</b>", style="primary"),
            chatserver.Menu(id="colour", label="Colour", options=COLOURS),
            chatserver.Form(
                id="order",
                label="Order",
                fields=(
                    chatserver.Field(id="what", label="What", required=True, max_chars=10),
                    chatserver.Field(id="size", label="Size", options=COLOURS),
                ),
            ),
        ),
    )


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [chatserver.MessageData(name="choices", schema=int, interact=self._answer)]

    @chatserver.hookimpl
    async def change_message(self, draft: chatserver.Draft) -> chatserver.Draft | None:
        if draft.message is not None or not draft.body.startswith("choose"):
            return None
        return msgspec.structs.replace(draft, data={**draft.data, "parts": parts("Nothing yet.")})

    async def _answer(self, use: chatserver.Interaction) -> chatserver.InteractionReply:
        chosen = " ".join(
            [use.part, *(value for values in use.values.values() for value in values)]
        )

        def change(data: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"parts": parts(f"Last: {chosen}")}

        return chatserver.InteractionReply(note=f"Only for you: {chosen}", change=change)
