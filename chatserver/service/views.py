"""Views of rooms for users."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chatserver.interfaces import Unread
from chatserver.model import EditHistory, Posting, RoomKind, RoomRole, Status, User, UserRef
from chatserver.roomlog.room import Room
from chatserver.service.directory import DELETED_NAME

MEMBER_PAGE = 1000


class RoomView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room as one user sees it. The `name` of a direct room is that of the other user, whose id is `other`;
    of several, those of all `others` (ids).

    An `archived` room can only be read. `posting` says who may write; with a `slow_mode`, who does not moderate
    sends one message in so many seconds. `edit_history` says who sees what messages said before they were edited.
    Lists leave the `description` out, as it is long: it is there when the room is asked for by itself, as are the
    `member_count`, and `may_mention_all`: whether `@room` and `@here` of the user reach anybody there.
    """

    id: str
    name: str | None
    kind: RoomKind
    head: int
    topic: str = ""
    description: str = ""
    joined: bool = msgspec.field(default=True)
    role: RoomRole | None = None
    read: int | None = None
    unread: int | None = None
    mentions: int | None = None
    archived: bool = False
    posting: Posting = Posting.EVERYONE
    slow_mode: int = 0
    edit_history: EditHistory = EditHistory.NONE
    other: str | None = None
    others: tuple[str, ...] = ()
    member_count: int | None = None
    may_mention_all: bool = False


class RoomList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rooms; `more`, if there are further ones, is the `after` of the next page."""

    rooms: list[RoomView]
    more: bool = False
    after: str | None = None


class MemberView(msgspec.Struct, frozen=True):
    """A user in a room. `online`: the user has a connection to any node, or had one a moment ago. `bot` as in `User`.

    `username` is what others type to mention the user, or to write to them alone. `status` as in `User`.
    """

    id: str
    name: str
    role: RoomRole
    online: bool
    bot: bool | msgspec.UnsetType = msgspec.UNSET
    username: str | msgspec.UnsetType = msgspec.UNSET
    status: Status | msgspec.UnsetType = msgspec.UNSET


class MemberList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Members of a room. `more`: there are further ones, and `after` is the place where their page begins."""

    members: list[MemberView]
    more: bool = False
    after: str | None = None


class MembersAsked(NamedTuple):
    """A page of a room's members by id: the first behind `after`, or with `is_last` the last ones before `before`.

    With a `text`, those who have it in their name, as `lookup.members_named` finds them; forwards only.
    """

    room: Room
    after: str = ""
    before: str | None = None
    limit: int = MEMBER_PAGE
    is_last: bool = False
    text: str = ""


def room_name(user: User, room: Room) -> str | None:
    """The room's name for a user who may read it; of a direct room, the names of the other users."""
    assert room.description is not None
    if room.description.kind is not RoomKind.DIRECT:
        return room.description.name
    names = (other.name or DELETED_NAME for other in _others(user, room))
    return ", ".join(names) or user.name


def view_of(
    user: User,
    room: Room,
    read: int | None = None,
    unread: Unread | None = None,
) -> RoomView:
    """A room as `user` sees it."""
    described, member = room.description, room.members.get(user.id)
    assert described is not None
    is_direct = described.kind is RoomKind.DIRECT
    others = tuple(other.id for other in _others(user, room)) if is_direct else ()
    return RoomView(
        id=room.id,
        name=room_name(user, room) if is_direct else described.name,
        kind=described.kind,
        topic=described.topic,
        head=room.head,
        joined=member is not None,
        role=None if member is None else member.role,
        read=read,
        unread=None if unread is None else unread.messages,
        mentions=None if unread is None else unread.mentions,
        archived=described.archived,
        posting=described.posting,
        slow_mode=described.slow_mode,
        edit_history=described.edit_history,
        other=others[0] if len(others) == 1 else None,
        others=others if len(others) > 1 else (),
    )


def _others(user: User, room: Room) -> Sequence[UserRef]:
    """The other members of a direct room, by name."""
    others = (member.user for member in room.members.values() if member.user.id != user.id)
    return sorted(others, key=lambda other: (other.name.casefold(), other.id))
