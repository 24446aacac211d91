"""The HTTP API of single messages, wherever they are, of their threads and earlier texts, and of those that are pinned."""

from chatserver.service import edits, pins, threads
from chatserver.web.api import RoomHandler, SignedIn
from chatserver.web.base import BaseHandler


class MessageById(SignedIn):
    async def get(self, message: str) -> None:
        user = await self.user()
        self.reply(await self.service.messages.by_id(user, message))


class Thread(RoomHandler):
    async def get(self, room: str, message: str) -> None:
        user, found = await self.asked(room)
        before, limit = self.number("before", None), self.number("limit", threads.PAGE, 1)
        self.reply(await self.service.messages.threads.page(user, found, message, before, limit))


class EditsOfMessage(RoomHandler):
    async def get(self, room: str, message: str) -> None:
        user, found = await self.asked(room)
        before, limit = self.number("before", None), self.number("limit", edits.PAGE, 1)
        self.reply(await self.service.messages.edits.page(user, found, message, before, limit))


class PinsOfRoom(RoomHandler):
    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        after, limit = self.get_query_argument("after", ""), self.number("limit", pins.PAGE, 1)
        self.reply(await self.service.messages.pins.page(user, found, after, limit))


ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    (r"/api/v1/messages/([^/]+)", MessageById, "/api/v1/messages/ID"),
    (
        r"/api/v1/rooms/([^/]+)/messages/([^/]+)/thread",
        Thread,
        "/api/v1/rooms/ID/messages/ID/thread",
    ),
    (
        r"/api/v1/rooms/([^/]+)/messages/([^/]+)/edits",
        EditsOfMessage,
        "/api/v1/rooms/ID/messages/ID/edits",
    ),
    (r"/api/v1/rooms/([^/]+)/pins", PinsOfRoom, "/api/v1/rooms/ID/pins"),
]
