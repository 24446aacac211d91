"""The HTTP API of messages wherever they are, also by search, of their threads and earlier texts, of pins and read markers."""

import msgspec

from chatserver.protocol import SEARCH_CHARS, Seq
from chatserver.service import edits, pins, threads
from chatserver.web.api import RoomHandler, SignedIn
from chatserver.web.base import BaseHandler

SEARCH_PAGE = 50  # messages


class MessageById(SignedIn):
    async def get(self, message: str) -> None:
        user = await self.user()
        self.reply(await self.service.messages.by_id(user, message))


class Search(SignedIn):
    async def get(self) -> None:
        user, room = await self.user(), self.get_query_argument("room", None)
        within = None if room is None else await self.service.rooms.get(room, user)
        text, limit = self.looked_for(SEARCH_CHARS), self.number("limit", SEARCH_PAGE, 1)
        before = self.get_query_argument("before", None)
        if before is not None and before.isdigit():  # a seq; others are a cursor, or a time
            before = self.number("before", None)
        self.reply(await self.service.search.find(user, text, within, before, limit))


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


class PinOfMessage(RoomHandler):
    async def put(self, room: str, message: str) -> None:
        await self._set(room, message, True)

    async def delete(self, room: str, message: str) -> None:
        await self._set(room, message, False)

    async def _set(self, room: str, message: str, pinned: bool) -> None:
        user, found = await self.asked(room)
        self.reply({"seq": await self.service.messages.pin(user, found, message, pinned)})


class PinsOfRoom(RoomHandler):
    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        after, limit = self.get_query_argument("after", ""), self.number("limit", pins.PAGE, 1)
        self.reply(await self.service.messages.pins.page(user, found, after, limit))


class Read(msgspec.Struct, frozen=True):
    seq: Seq


class ReadMarker(RoomHandler):
    async def put(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(Read)
        self.reply({"seq": await self.service.rooms.mark_read(user, found, given.seq)})


ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    (r"/api/v1/search", Search, "/api/v1/search"),
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
    (
        r"/api/v1/rooms/([^/]+)/messages/([^/]+)/pin",
        PinOfMessage,
        "/api/v1/rooms/ID/messages/ID/pin",
    ),
    (r"/api/v1/rooms/([^/]+)/pins", PinsOfRoom, "/api/v1/rooms/ID/pins"),
    (r"/api/v1/rooms/([^/]+)/read", ReadMarker, "/api/v1/rooms/ID/read"),
]
