"""The HTTP API of single messages, wherever they are, and of those that are pinned."""

from chatserver.service.pins import PAGE
from chatserver.web.api import RoomHandler, SignedIn
from chatserver.web.base import BaseHandler


class MessageById(SignedIn):
    async def get(self, message: str) -> None:
        user = await self.user()
        self.reply(await self.service.messages.by_id(user, message))


class PinsOfRoom(RoomHandler):
    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        after, limit = self.get_query_argument("after", ""), self.number("limit", PAGE, 1)
        self.reply(await self.service.messages.pins.page(user, found, after, limit))


ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    (r"/api/v1/messages/([^/]+)", MessageById, "/api/v1/messages/ID"),
    (r"/api/v1/rooms/([^/]+)/pins", PinsOfRoom, "/api/v1/rooms/ID/pins"),
]
