"""Reminders as their users see them: with the messages as they stand, as far as the user may read them."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import ChatError, Context, Message, User, future_time, time_text
from chatserver_plugins.reminders.book import Book, Kept, Row, State

PAGE = 50  # at most, on one page
NOTE_CHARS = 200

Id = Annotated[str, Meta(min_length=1, max_length=100)]
Note = Annotated[str, Meta(max_length=NOTE_CHARS)]


class New(msgspec.Struct, frozen=True, kw_only=True):
    """The message of which to remind, the time (RFC 3339) and a note."""

    message: Id
    at: str
    note: Note = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Another time, from which on it waits again; another note; or that it is `done`."""

    at: str | None = None
    note: Note | None = None
    done: bool = False


class Reminder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reminder: the id of its message, its time, and the message as it stands with the name of its room.

    `due` from its time on, until it is done or has another time. Without `message` that was deleted, or the user may not
    read it any more.
    """

    id: str
    at: str
    state: State
    note: str = ""
    message: Message | None = None
    room_name: str | None = None


class ReminderList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Reminders: the due ones, those that wait, those that are done. Further ones are `after` that of the answer."""

    reminders: Sequence[Reminder]
    after: str | None = None


class Brief(msgspec.Struct, frozen=True):
    """A reminder without what its message says."""

    id: str
    at: str
    state: State


class Desk:
    """Answers users, each about their own reminders; these are at most `longest` seconds ahead."""

    def __init__(self, context: Context, book: Book, longest: float) -> None:
        self._service, self._clock = context.service, context.clock
        self._book, self._longest = book, longest

    async def set(self, user: User, new: New) -> tuple[Reminder, bool]:
        """Remind the user of a message; True if that takes the place of an earlier reminder of it.

        Raises `ChatError` message.not_found, request.invalid, limit.count.
        """
        at = self._time(new.at)
        await self._service.messages.by_id(user, new.message)
        repeated = await self._book.put(user.id, new.message, at, new.note)
        kept = Kept(at=at, note=new.note)
        return await self._one(user, new.message, kept), repeated

    async def change(self, user: User, message: str, change: Change) -> Reminder:
        """Change a reminder, also of a message that is gone. Raises `ChatError` message.not_found, request.invalid."""
        if change.done and change.at is not None:
            raise ChatError("request.invalid", "A reminder is done, or has another time.")
        at = None if change.at is None else self._time(change.at)
        now = self._clock.now()

        def changed(kept: Kept) -> Kept:
            note = kept.note if change.note is None else change.note
            if at is not None:
                return Kept(at=at, note=note)
            if change.done and kept.done_at is None:
                return Kept(at=kept.at, note=note, state="done", done_at=now)
            return msgspec.structs.replace(kept, note=note)

        return await self._one(user, message, await self._book.change(user.id, message, changed))

    async def remove(self, user: User, message: str) -> bool:
        """Remove a reminder, also of a message that is gone; whether there was one."""
        return await self._book.remove(user.id, message)

    async def brief(self, user: User) -> Sequence[Brief]:
        """All reminders of the user."""
        rows = await self._book.rows(user.id)
        return [Brief(row.message, time_text(row.kept.at), row.kept.state) for row in rows]

    async def page(self, user: User, after: str = "", limit: int = PAGE) -> ReminderList:
        """Reminders after the one with the id `after`."""
        rows = await self._book.rows(user.id)
        start = next((place + 1 for place, row in enumerate(rows) if row.message == after), 0)
        found = await self._described(user, rows[start : start + min(limit, PAGE)])
        shown = found[: self._fitting(found)]
        is_last = start + len(shown) >= len(rows)
        return ReminderList(shown, None if is_last else shown[-1].id)

    async def _one(self, user: User, message: str, kept: Kept) -> Reminder:
        return (await self._described(user, [Row(message, kept)]))[0]

    async def _described(self, user: User, rows: Sequence[Row]) -> list[Reminder]:
        """The rows with their messages, as far as these stand and the user may read them."""
        rooms = await self._service.rooms.get_many(
            list({row.message.rpartition("-")[0] for row in rows})
        )
        wanted = [
            (room, row.message)
            for row in rows
            if (room := rooms.get(row.message.rpartition("-")[0])) is not None
        ]
        found = await self._service.history.find(user, wanted)
        standing = {each.id: each for each in found.values() if not each.deleted}
        described = []
        for row in rows:
            message = standing.get(row.message)
            name = None if message is None else self._service.rooms.name(user, rooms[message.room])
            described.append(
                Reminder(
                    id=row.message,
                    at=time_text(row.kept.at),
                    state=row.kept.state,
                    note=row.kept.note,
                    message=message,
                    room_name=name,
                )
            )
        return described

    def _fitting(self, reminders: Sequence[Reminder]) -> int:
        """How many, from the first on, fit into half of a connection's buffer, which closes it when it is full."""
        left = self._service.config.limits.buffer_hard_bytes // 2
        for count, each in enumerate(reminders):
            left -= len(msgspec.json.encode(each))
            if left < 0 and count:
                return count
        return len(reminders)

    def _time(self, text: str) -> float:
        return future_time(text, self._clock.now(), self._longest)
