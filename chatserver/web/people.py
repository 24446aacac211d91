"""The HTTP API of what people say of themselves, and whom they block."""

import msgspec

from chatserver.model import Status
from chatserver.protocol import StatusEmoji, StatusText, Until
from chatserver.web.api import SignedIn
from chatserver.web.base import BaseHandler


class NewStatus(msgspec.Struct, frozen=True):
    """One emoji, a text of one line, or both, until a time or for good."""

    emoji: StatusEmoji = ""
    text: StatusText = ""
    until: Until | None = None


class OwnStatus(SignedIn):
    async def put(self) -> None:
        user, given = await self.user(), self.body(NewStatus)
        status = Status(emoji=given.emoji, text=given.text, until=given.until)
        self.reply(await self.service.statuses.set(user, status, self.address))

    async def delete(self) -> None:
        user = await self.user()
        self.reply(await self.service.statuses.set(user, Status(), self.address))


class OwnBlocks(SignedIn):
    async def get(self) -> None:
        user = await self.user()
        self.reply(await self.service.blocks.list(user))


class OneBlock(SignedIn):
    async def put(self, other: str) -> None:
        user = await self.user()
        await self.service.blocks.add(user, other)
        self.reply({})

    async def delete(self, other: str) -> None:
        user = await self.user()
        await self.service.blocks.remove(user, other)
        self.reply({})


ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    (r"/api/v1/me/status", OwnStatus, "/api/v1/me/status"),
    (r"/api/v1/me/blocks", OwnBlocks, "/api/v1/me/blocks"),
    (r"/api/v1/me/blocks/([^/]+)", OneBlock, "/api/v1/me/blocks/ID"),
]
