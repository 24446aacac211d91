"""A plugin whose data clients may send; a message with a card gets a button, whose clicks are counted on it."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

import chatserver


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    title: Annotated[str, Meta(min_length=1, max_length=40)]
    clicks: int = 0


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [
            chatserver.MessageData(
                name="cards",
                schema=Card,
                from_clients=True,
                text=lambda card: card.title,
                interact=self._count,
            )
        ]

    @chatserver.hookimpl
    async def change_message(self, draft: chatserver.Draft) -> chatserver.Draft | None:
        if draft.message is not None or "cards" not in draft.data:
            return None
        button = chatserver.Button(id="like", label="Like")
        parts = chatserver.Parts(of="cards", items=(button,))
        return msgspec.structs.replace(draft, data={**draft.data, "parts": parts})

    async def _count(self, use: chatserver.Interaction) -> chatserver.InteractionReply:
        def change(data: Mapping[str, Any]) -> Mapping[str, Any]:
            card = msgspec.convert(data["cards"], Card)
            return {"cards": Card(card.title, card.clicks + 1)}

        return chatserver.InteractionReply(note="Thank you.", change=change)
