"""Drafts as their users see them: those of rooms that they may read."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import ChatError, Context, User, may_read, time_text
from chatserver_plugins.drafts.shelf import Kept, Place, Row, Shelf, shown

PAGE = 50  # drafts at most, on one page
QUOTE_CHARS = 200  # of the message that a draft answers

Id = Annotated[str, Meta(min_length=1, max_length=100)]
Revision = Annotated[str, Meta(pattern=r"^[0-9]{0,18}\Z")]


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """A place: a room, or the thread in it that begins with the message `thread`."""

    room: Id
    thread: Id | None = None

    @property
    def place(self) -> Place:
        return Place(self.room, self.thread)


class Save(Which, frozen=True, kw_only=True):
    """What is being written in a place; an empty body removes the draft.

    `base` is the revision that it is based on, "" if there was none: nothing is saved if another one stands.
    """

    body: str
    reply_to: Id | None = None
    base: Revision | None = None


class Author(msgspec.Struct, frozen=True):
    """Who wrote the message that a draft answers."""

    id: str
    name: str


class Quote(msgspec.Struct, frozen=True):
    """The message that a draft answers, with the beginning of its text; none if it was deleted."""

    id: str
    author: Author
    body: str


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draft. Without a body it was removed lately, or, with the revision "", there is none.

    `reply` is there if the message that it answers is, and its user may read it.
    """

    room: str
    body: str
    revision: str
    thread: str | None = None
    at: str | None = None
    reply_to: str | None = None
    reply: Quote | None = None


class Saved(msgspec.Struct, frozen=True):
    """Whether a draft was saved, and the one that stands now."""

    saved: bool
    draft: Draft


class DraftList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Drafts by their places. If there are further ones, the next page is `after` that of the answer."""

    drafts: Sequence[Draft]
    after: str | None = None


class Desk:
    """Answers users, each about their own drafts."""

    def __init__(self, context: Context, shelf: Shelf) -> None:
        self._service, self._shelf = context.service, shelf

    async def save(self, user: User, given: Save) -> Saved:
        """Save a draft, or remove it, which needs no right in the room.

        Raises `ChatError` room.not_found, message.not_found, request.invalid, limit.size.
        """
        body, reply_to = (given.body, given.reply_to) if given.body.strip() else ("", None)
        if body:
            await self._check(user, given.place, body)
        base = None if given.base is None else int(given.base or 0)
        kept, saved = await self._shelf.put(user.id, given.place, body, reply_to, base)
        return Saved(saved, await self._one(user, given.place, kept))

    async def get(self, user: User, place: Place) -> Draft:
        """The draft in one place. Raises `ChatError` room.not_found."""
        await self._demand_room(user, place.room)
        return await self._one(user, place, await self._shelf.get(user.id, place))

    async def page(self, user: User, after: str = "", limit: int = PAGE) -> DraftList:
        """Drafts behind the place `after`, as many as fit into half of a connection's buffer."""
        rows = await self._shelf.rows(user.id, after, limit + 1)
        left = self._service.config.limits.buffer_hard_bytes // 2
        count = 0
        for row in rows[:limit]:
            left -= row.size
            if left < 0 and count:
                break
            count += 1
        last = rows[count - 1].place.key if len(rows) > count else None
        return DraftList(await self._described(user, rows[:count]), last)

    async def _check(self, user: User, place: Place, body: str) -> None:
        """Raise `ChatError` if there is nothing to write in this place, or no message can be as long."""
        most = self._service.config.limits.message_chars
        if len(body) > most:
            raise ChatError(
                "limit.size",
                f"A message has at most {most} characters.",
                detail={"field": "body", "reason": "long", "most": most},
            )
        await self._demand_room(user, place.room)
        if place.thread is None:
            return
        root = await self._service.messages.by_id(user, place.thread)
        if root.room != place.room:
            raise ChatError("message.not_found")
        if root.thread is not None:
            raise ChatError(
                "request.invalid",
                "thread: the message is a reply itself: name the first message of its thread.",
                detail={"field": "thread", "reason": "nested"},
            )

    async def _demand_room(self, user: User, room: str) -> None:
        if not may_read(user, await self._service.rooms.get(room, user)):
            raise ChatError("room.not_found")

    async def _one(self, user: User, place: Place, kept: Kept) -> Draft:
        found = await self._described(user, [Row(place, kept, 0)])
        return found[0] if found else _draft(Row(place, kept, 0), None)

    async def _described(self, user: User, rows: Sequence[Row]) -> list[Draft]:
        """The drafts of rooms that the user may read. Those of rooms that are gone go with them."""
        rooms = await self._service.rooms.get_many(list({row.place.room for row in rows}))
        for place, _, _ in rows:
            if place.room not in rooms:
                await self._shelf.drop(user.id, place)
        readable = [
            row for row in rows if row.place.room in rooms and may_read(user, rooms[row.place.room])
        ]
        wanted = [
            (rooms[place.room], kept.reply_to)
            for place, kept, _ in readable
            if kept.reply_to is not None
        ]
        found = await self._service.history.find(user, wanted)
        quotes = {
            id: Quote(id, Author(each.author.id, each.author.name), each.body[:QUOTE_CHARS])
            for (_, id), each in found.items()
        }
        return [_draft(row, quotes.get(row.kept.reply_to or "")) for row in readable]


def _draft(row: Row, quote: Quote | None) -> Draft:
    place, kept, _ = row
    return Draft(
        room=place.room,
        thread=place.thread,
        body=kept.body,
        revision=shown(kept),
        at=time_text(kept.revision / 1000) if kept.revision else None,
        reply_to=kept.reply_to,
        reply=quote,
    )
