"""Entries as their users see them: with the messages as they stand, and without what they may not read any more."""

from collections.abc import Mapping, Sequence

import msgspec

from chatserver import ChatError, Context, Message, RoomView, User, time_text
from chatserver_plugins.inbox.book import Book, Entry, Kind, Row
from chatserver_plugins.inbox.following import Following

PAGE, MOST = 30, 100  # entries of one answer
COUNTED = 100  # of the newest entries, to say how many are unread
PLACE_CHARS = 200
MESSAGE_CHARS = 100  # of an id


class By(msgspec.Struct, frozen=True):
    """A user."""

    id: str
    name: str
    username: str


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry. `message` is the one that mentions or answers the reader, or the reader's own that got a reaction.

    `id` names the entry. An `unread` one came after the reader last looked, and its message is not read where it stands.
    Of a thread that the reader follows, a page has the newest reply alone, which is unread if any of them is.
    """

    id: str
    kind: Kind
    at: str
    by: By
    message: Message
    unread: bool
    emoji: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Entries, the newest first, and how many of the newest 100 are unread.

    A page may have fewer than asked for, even none. `next`, if there may be more, is the `after` of the next page.
    """

    entries: Sequence[Shown]
    unread: int
    next: str | None = None


class Followed(msgspec.Struct, frozen=True):
    """A thread (the id of its root), and whether the reader follows it."""

    thread: str
    following: bool


class Desk:
    """Answers users, each about their own entries."""

    def __init__(self, context: Context, book: Book, following: Following) -> None:
        self._context, self._book, self._following = context, book, following

    async def page(self, user: User, after: str = "", limit: int = PAGE) -> Page:
        """Raises `ChatError` request.invalid."""
        if len(after) > PLACE_CHARS or not 1 <= limit <= MOST:
            raise ChatError(
                "request.invalid", f"Expected a place of an entry, and a limit of 1 to {MOST}."
            )
        rows = await self._book.rows(user.id, after, limit)
        more = rows[-1].place if len(rows) == limit else None
        entries = await self._shown(user, rows)
        fitting = self._fitting(entries)
        if fitting < len(entries):
            entries, more = entries[:fitting], entries[fitting - 1].id
        return Page(entries=entries, unread=await self.unread(user), next=more)

    def _fitting(self, entries: Sequence[Shown]) -> int:
        """How many, from the first on, fit into half of a connection's buffer, which closes it when it is full."""
        left = self._context.service.config.limits.buffer_hard_bytes // 2
        for count, entry in enumerate(entries):
            left -= len(msgspec.json.encode(entry))
            if left < 0 and count:
                return count
        return len(entries)

    async def unread(self, user: User) -> int:
        """How many of the newest entries are unread."""
        seen = await self._book.seen(user.id)
        rows = await self._book.rows(user.id, limit=COUNTED)
        shown = await self._shown(user, [row for row in rows if row.entry.at > seen])
        return sum(each.unread for each in shown)

    async def see(self, user: User) -> None:
        """All entries up to now are seen; the user's devices are told."""
        await self._book.see(user.id, int(self._context.clock.now() * 1000))
        self._context.tell("changed", user=user.id)

    async def follow(self, user: User, message: str, follows: bool | None = None) -> Followed:
        """Follow the thread of a message (id), or not, or just say whether it is followed.

        Raises `ChatError` message.not_found.
        """
        found = await self._context.service.messages.by_id(user, message)
        thread = found.thread or found.id
        if follows is not None:
            (room,) = (await self._context.service.rooms.get_many([found.room])).values()
            await self._following.set(user.id, thread, follows, room.head)
            self._context.tell("changed", user=user.id)
        return Followed(thread, await self._following.follows(user.id, thread))

    async def read_thread(self, user: User, thread: str, seq: int) -> None:
        """Replies up to a seq are read, in the thread of a message (id)."""
        if await self._following.note_read(user.id, thread, seq):
            self._context.tell("changed", user=user.id)

    async def _shown(self, user: User, rows: Sequence[Row]) -> list[Shown]:
        """Those that the user may read, and that still stand."""
        if not rows:
            return []
        service = self._context.service
        rooms = await service.rooms.get_many(list({row.entry.room for row in rows}))
        views = await service.rooms.views(user, list(rooms.values()))
        joined = {id for id, view in views.items() if view.joined}
        wanted = [
            (rooms[row.entry.room], row.entry.message) for row in rows if row.entry.room in joined
        ]
        messages = await service.history.find(user, wanted)
        people = await service.accounts.get_many(list({row.entry.by for row in rows}))
        blocked = {each.id for each in (await service.blocks.list(user)).users}
        seen = await self._book.seen(user.id)
        in_threads = any(message.thread for message in messages.values())
        read = await self._following.read(user.id) if in_threads else {}
        newest: dict[str, int] = {}  # by thread, where in `found`
        found: list[Shown] = []
        for place, entry in rows:
            message, by = messages.get((entry.room, entry.message)), people.get(entry.by)
            if (
                message is None
                or by is None
                or by.id in blocked
                or not _stands(entry, message, user)
            ):
                continue
            unread = entry.at > seen and _is_unread(entry, message, views[entry.room], read)
            thread = message.thread if entry.kind is Kind.THREAD else None
            if thread in newest:
                if unread:
                    newer = found[newest[thread]]
                    found[newest[thread]] = msgspec.structs.replace(newer, unread=True)
                continue
            if thread is not None:
                newest[thread] = len(found)
            found.append(
                Shown(
                    id=place,
                    kind=entry.kind,
                    at=time_text(entry.at / 1000),
                    by=By(by.id, by.name, by.username),
                    message=message,
                    unread=unread,
                    emoji=entry.emoji,
                )
            )
        return found


def _stands(entry: Entry, message: Message, user: User) -> bool:
    """Whether the message still says what the entry tells of: it may have been changed or deleted since."""
    if message.deleted:
        return False
    if entry.kind is Kind.REACTION:
        return entry.by in message.reactions.get(entry.emoji, ())
    return entry.kind in (Kind.REPLY, Kind.THREAD) or message.mentions_user(user.id)


def _is_unread(entry: Entry, message: Message, room: RoomView, threads: Mapping[str, int]) -> bool:
    """`threads`: up to where each was read. A reaction comes to a message that was read long ago."""
    if entry.kind is Kind.REACTION:
        return True
    in_thread = 0 if message.thread is None else threads.get(message.thread, 0)
    in_room = 0 if message.thread is not None and not message.broadcast else room.read or 0
    return message.seq > max(in_thread, in_room)
