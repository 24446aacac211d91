"""What the parts of a message mean to its plugin: kept here, as clients must neither see nor choose it."""

from typing import Any

import msgspec

from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import Message, MessagePosted

SPACE = "interactions"  # of records
CONTEXT_BYTES = 4096


class Contexts:
    """A record for each message that was posted with a context."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, author: str, client_id: str, context: Any) -> None:
        """Keep the context of a message that is about to be posted; that of a repeat is ignored.

        Raises `ChatError` message.data_invalid if it is not JSON, or larger than CONTEXT_BYTES.
        """
        try:
            value = msgspec.json.encode(context)
        except (TypeError, ValueError) as error:
            raise ChatError("message.data_invalid", f"The context: {error}") from error
        if len(value) > CONTEXT_BYTES:
            text = f"The context has at most {CONTEXT_BYTES} bytes."
            raise ChatError("message.data_invalid", text)
        await self._store.add(SPACE, _key(author, client_id), value)

    async def of(self, message: Message) -> Any:
        """The context of a message; None without any."""
        value = await self._store.get(SPACE, _key(message.author.id, message.client_id))
        return None if value is None else msgspec.json.decode(value)

    async def forget(self, message: Message | MessagePosted) -> None:
        """Drop the context of a message that is deleted."""
        await self._store.delete(SPACE, _key(message.author.id, message.client_id))


def _key(author: str, client_id: str) -> str:
    """The record's key: unique for ever, and known before the message has an id."""
    return f"{author}/{client_id}"
