"""How much is held about a user: items and bytes by part."""

from contextlib import aclosing

import msgspec

from chatserver.blobs.service import BlobService
from chatserver.errors import ChatError
from chatserver.hooks.personal import BLOB
from chatserver.localized import Localized
from chatserver.privacy.parts import PersonalParts, items


class PartHeld(msgspec.Struct, frozen=True, kw_only=True):
    """One part: number of items, and their bytes as JSON, with those of files that an earlier part has not counted."""

    name: str
    title: Localized
    items: int
    bytes: int


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """All parts of what is held about a user (id); parts that hold nothing are there, too."""

    user: str
    parts: list[PartHeld]


class Reporting:
    """Counts what is held."""

    def __init__(self, parts: PersonalParts, blobs: BlobService) -> None:
        self._parts, self._blobs = parts, blobs

    async def of(self, user: str) -> Held:
        """What is held about a user (id). It reads all of it."""
        found, files = [], set[str]()
        for part in self._parts:
            number = size = 0
            async with aclosing(items(part, user)) as each:
                async for item in each:
                    number += 1
                    size += len(msgspec.json.encode(item))
                    blob = item.get(BLOB)
                    if isinstance(blob, str) and blob not in files:
                        files.add(blob)
                        size += await self._size(blob)
            found.append(PartHeld(name=part.name, title=part.title, items=number, bytes=size))
        return Held(user=user, parts=found)

    async def _size(self, blob: str) -> int:
        if not self._blobs.exist:
            return 0
        try:
            return (await self._blobs.get(blob)).size
        except ChatError as error:
            if error.code != "blob.not_found":
                raise
            return 0
