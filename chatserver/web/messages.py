"""The HTTP API of single messages, wherever they are."""

from chatserver.web.api import SignedIn
from chatserver.web.base import BaseHandler


class MessageById(SignedIn):
    async def get(self, message: str) -> None:
        user = await self.user()
        self.reply(await self.service.messages.by_id(user, message))


ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    (r"/api/v1/messages/([^/]+)", MessageById, "/api/v1/messages/ID"),
]
