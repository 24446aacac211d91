"""Messages that a user keeps for later."""

from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    ChatError,
    Context,
    Operation,
    PagePart,
    Powers,
    Settings,
    User,
    hookimpl,
)

NAMES = 1000  # of records read at once


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    room: Annotated[str, msgspec.Meta(max_length=64)]
    message: Annotated[str, msgspec.Meta(max_length=64)]


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """A room."""

    room: Annotated[str, msgspec.Meta(max_length=64)]


class Bookmark(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was when it was kept."""

    message: str
    name: str  # of its author
    body: str
    at: str


class BookmarksPlugin:
    """Each user has bookmarks of their own; nobody else sees them."""

    class Config(Settings, frozen=True, kw_only=True):
        per_room: Annotated[
            int, msgspec.Meta(ge=1, le=NAMES, description="Most bookmarks of a user in one room.")
        ] = 100

    powers = Powers(service=("history.message", "rooms.describe", "rooms.get"))

    def __init__(self, config: Config) -> None:
        self._most = config.per_room

    @hookimpl
    def register_operations(self, context: Context) -> list[Operation]:
        self._records, self._service = context.records, context.service
        return [
            Operation(name="bookmarks.save", arguments=Which, run=self._save),
            Operation(name="bookmarks.drop", arguments=Which, run=self._drop),
            Operation(name="bookmarks.list", arguments=Where, run=self._list),
        ]

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, modules=("bookmarks.js",), styles=("bookmarks.css",))

    async def _save(self, user: User, which: Which) -> object:
        room = await self._service.rooms.get(which.room, user)
        self._service.rooms.describe(user, room)  # raises without the right to read
        message = await self._service.history.message(room, which.message)
        others = [each for each in await self._of(user, room.id) if each.message != message.id]
        if len(others) >= self._most:
            raise ChatError("limit.count", f"At most {self._most} bookmarks in a room.")
        kept = Bookmark(
            message=message.id, name=message.author.name, body=message.body, at=message.at
        )
        await self._records.put(_key(user, room.id, message.id), msgspec.json.encode(kept))
        return kept

    async def _drop(self, user: User, which: Which) -> object:
        return {"dropped": await self._records.delete(_key(user, which.room, which.message))}

    async def _list(self, user: User, where: Where) -> object:
        return {"bookmarks": await self._of(user, where.room)}

    async def _of(self, user: User, room: str) -> list[Bookmark]:
        found = await self._records.scan(_key(user, room, ""), limit=NAMES)
        return [msgspec.json.decode(value, type=Bookmark) for _, value in found]


def _key(user: User, room: str, message: str) -> str:
    return f"{user.id}/{room}/{message}"
