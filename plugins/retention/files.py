"""Removes files of messages that are older than files are kept; what was written stays."""

import asyncio
from collections.abc import Collection, Sequence

from chatserver import Blob, ChatError, Context, StoreUnavailable

HOLDER = "plugin:attachments:"  # before the id of a message that shows a file
PAGE = 500
REST = 9.0  # seconds after each second of work


class FileSweep:
    """Looks through all files, of which only those in messages are removed. May be cancelled at any time."""

    def __init__(self, context: Context, *, keeps_pinned: bool) -> None:
        self._service, self._keeps_pinned = context.service, keeps_pinned

    async def run(self, before: str, held_rooms: Collection[str], held: Collection[str]) -> int:
        """Remove files from before a time (RFC 3339); returns how many. Raises `StoreUnavailable`.

        Those stay that something else than messages needs, that are in rooms or of users (ids) that are held, and, if
        pinned messages are kept, in one of these.
        """
        removed, after = 0, ""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            while blobs := await self._service.blobs.page(after, PAGE):
                after = blobs[-1].id
                for blob in blobs:
                    if blob.at < before and blob.owner not in held:
                        removed += await self._remove(blob, held_rooms)
                await asyncio.sleep((loop.time() - began) * REST)
                began = loop.time()
        except StoreUnavailable:
            raise
        except ChatError as error:
            if error.code != "blob.none":  # no plugin keeps files
                raise
        return removed

    async def _remove(self, blob: Blob, held_rooms: Collection[str]) -> bool:
        holders = await self._holders(blob.id)
        messages = [each.removeprefix(HOLDER) for each in holders if each.startswith(HOLDER)]
        if not messages or len(messages) < len(holders):
            return False
        if held_rooms and any(_room(message) in held_rooms for message in messages):
            return False
        if self._keeps_pinned and await self._is_pinned(messages):
            return False
        await self._service.blobs.purge(blob.id)
        return True

    async def _holders(self, blob: str) -> list[str]:
        holders: list[str] = []
        while page := await self._service.blobs.holders(blob, holders[-1] if holders else "", PAGE):
            holders += page
        return holders

    async def _is_pinned(self, messages: Sequence[str]) -> bool:
        for message in messages:
            try:
                room = await self._service.rooms.get(_room(message))
                if (await self._service.history.message(room, message)).pinned:
                    return True
            except StoreUnavailable:
                raise
            except ChatError:
                """It is gone, or its room is."""
        return False


def _room(message: str) -> str:
    return message.rpartition("-")[0]
