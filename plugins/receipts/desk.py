"""What users are told of who has read a message, at whatever door, and the rights that it needs.

How far somebody has read in a room is the position that the server keeps of them anyway, for unread counts. Nothing is
written when somebody reads.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from chatserver import (
    ChatError,
    Context,
    Meaning,
    MembersAsked,
    MemberView,
    Room,
    RoomKind,
    User,
)
from chatserver_plugins.receipts.choices import Choices

MOST_MEMBERS = 200  # of a room with receipts, so that all readers of a message are one answer
CHANGED = "changed"  # the notice to the user's own devices
NONE = Meaning(403, "never", "It is not shown who has read this message.")
HIDDEN = Meaning(
    403, "refresh", "Who hides what they have read does not see what others have read."
)

Rooms = Literal["direct", "small"]


class RoomsRule(NamedTuple):
    """Which rooms have receipts: direct ones, and, if `rooms` is `small`, those with at most so many members."""

    rooms: Rooms
    members: int

    def covers(self, room: Room) -> bool:
        if room.description is not None and room.description.kind is RoomKind.DIRECT:
            return True
        return self.rooms == "small" and len(room.members) <= self.members


class Terms(msgspec.Struct, frozen=True):
    """Whether others see what the user reads, and which rooms have receipts: as in the plugin's settings."""

    shown: bool
    rooms: Rooms
    members: int


class Reader(msgspec.Struct, frozen=True):
    """A member who has read a message."""

    id: str
    name: str


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """`read` of the `of` members who could have read a message, and let others see it, have read it."""

    message: str
    read: int
    of: int


class Readers(Count, frozen=True, kw_only=True):
    """The same with those who have read it, by name."""

    users: Sequence[Reader]


class Asked(NamedTuple):
    """A message about which somebody asks."""

    id: str
    seq: int
    author: str


class Standing(NamedTuple):
    """How far each member of a room has read (seq by id), and those who let others see it, at one moment."""

    marks: dict[str, int]
    showing: set[str]


class Desk:
    """Answers users. Those whom nobody shows anything are shown nothing."""

    def __init__(self, context: Context, choices: Choices, rule: RoomsRule) -> None:
        self._service, self._tell = context.service, context.tell
        self._choices, self._rule = choices, rule

    # -- one's own choice --------------------------------------------------------------------------

    async def terms(self, user: User) -> Terms:
        """What the user has chosen, and where there are receipts."""
        return self._terms(shown=await self._choices.is_shown(user.id))

    async def choose(self, user: User, *, shown: bool) -> Terms:
        """Let others see what the user reads, or not; counts from now on, also for what was read before."""
        await self._choices.choose(user.id, shown=shown)
        self._tell(CHANGED, {"shown": shown}, user=user.id)
        return self._terms(shown=shown)

    def _terms(self, *, shown: bool) -> Terms:
        return Terms(shown=shown, rooms=self._rule.rooms, members=self._rule.members)

    # -- readers -----------------------------------------------------------------------------------

    async def readers(self, user: User, message: str) -> Readers:
        """Who has read a message. Raises `ChatError` message.not_found, receipts.none, receipts.hidden."""
        asked, room = await self.asked(user, message)
        return await self.readers_of(user, room, asked, await self.standing(room))

    async def asked(self, user: User, message: str) -> tuple[Asked, Room]:
        """The message and its room, if there are receipts of it. Raises `ChatError` message.not_found, receipts.none."""
        found = await self._service.messages.by_id(user, message)
        room = await self._service.rooms.get(found.room, user)
        self._demand_receipts(user, room)
        if found.thread is not None and not found.broadcast:
            raise _none("thread")  # one reads a room without its threads
        if found.seq <= await self._service.rooms.imported(room):
            raise _none("imported")  # it counts as read, whoever was here
        return Asked(found.id, found.seq, found.author.id), room

    async def room(self, room: str) -> Room:
        """A room as it is now. Raises `ChatError` room.not_found."""
        return await self._service.rooms.get(room)

    async def standing(self, room: Room) -> Standing:
        """How things stand in a room, in two reads of the store. Checks no rights."""
        members = list(room.members) if self._rule.covers(room) else []
        marks = await self._service.rooms.read_marks(room, members)
        return Standing(marks, await self._choices.showing(members))

    async def readers_of(self, user: User, room: Room, asked: Asked, standing: Standing) -> Readers:
        """Who has read a message, as things stand. Raises as `readers`."""
        self._demand_receipts(user, room)
        if user.id not in standing.showing:
            raise ChatError("receipts.hidden", meaning=HIDDEN)
        wanted = MembersAsked(room, limit=MOST_MEMBERS)
        (page,) = await self._service.rooms.member_pages(user, [wanted])
        able = [each for each in page.members if _could_read(each, room, asked, standing)]
        read = [each for each in able if standing.marks.get(each.id, 0) >= asked.seq]
        read.sort(key=lambda each: (each.name.casefold(), each.id))
        return Readers(
            message=asked.id,
            read=len(read),
            of=len(able),
            users=[Reader(each.id, each.name) for each in read],
        )

    def _demand_receipts(self, user: User, room: Room) -> None:
        """Raise `ChatError` receipts.none to those who are not in the room, and in rooms without receipts."""
        if room.role(user.id) is None:
            raise _none("outside")
        if not self._rule.covers(room):
            raise _none("large")


def count_of(readers: Readers) -> Count:
    return Count(message=readers.message, read=readers.read, of=readers.of)


def _could_read(member: MemberView, room: Room, asked: Asked, standing: Standing) -> bool:
    """Whether a member was in the room when the message was posted, and lets others see what they read.

    Machines read nothing, and of its author a message says nothing.
    """
    known = room.members.get(member.id)
    was_there = known is not None and known.since < asked.seq
    is_other = member.bot is not True and member.id != asked.author
    return was_there and is_other and member.id in standing.showing


def _none(why: str) -> ChatError:
    return ChatError("receipts.none", detail={"why": why}, meaning=NONE)
