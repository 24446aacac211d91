"""The rights of users, in rooms and on the server: the only place where they are decided. Pure functions."""

from enum import StrEnum
from functools import cache

from msgspec import UNSET, to_builtins

from chatserver.errors import ChatError
from chatserver.model import Posting, RoomKind, RoomRole, Scope, ServerRole, User
from chatserver.roomlog.room import Room


class Right(StrEnum):
    """A thing that a user may be allowed to do in a room."""

    READ = "read"
    JOIN = "join"
    LEAVE = "leave"
    POST = "post"
    MENTION_ALL = (
        "mention_all"  # everybody in the room at once; in a large one it takes a moderator
    )
    EDIT = "edit"  # the user's own messages
    DELETE = "delete"  # the user's own messages
    REACT = "react"
    PIN = "pin"
    INVITE = "invite"
    MODERATE = "moderate"  # delete messages of others, remove members of a lower role
    CHANGE = "change"  # name, topic, description, and who may write
    CHANGE_KIND = "change_kind"  # make a public room private, or a private one public
    APPOINT = "appoint"  # give roles
    ARCHIVE = "archive"  # end all writing in the room, and permit it again
    DELETE_ROOM = "delete_room"  # for good, with all its contents
    INTERACT = "interact"  # use buttons, menus and forms of messages


_PARTICIPANT = frozenset(
    {Right.READ, Right.POST, Right.EDIT, Right.DELETE, Right.REACT, Right.INTERACT}
)
_MEMBER = _PARTICIPANT | {Right.LEAVE, Right.INVITE, Right.MENTION_ALL}
_ADMIN = _MEMBER | {Right.PIN, Right.MODERATE, Right.CHANGE}
_OWNER = _ADMIN | {Right.APPOINT, Right.ARCHIVE, Right.DELETE_ROOM, Right.CHANGE_KIND}
_VISITOR = frozenset({Right.READ, Right.JOIN, Right.INTERACT})
_STEWARD = frozenset(
    {
        *(Right.PIN, Right.MODERATE, Right.CHANGE, Right.APPOINT),
        *(Right.ARCHIVE, Right.DELETE_ROOM),
    }
)
# In an archived room. Messages can still be deleted, and members removed: what must go has to go.
_ARCHIVED = frozenset(
    {
        *(Right.READ, Right.LEAVE, Right.DELETE, Right.MODERATE),
        *(Right.APPOINT, Right.ARCHIVE, Right.DELETE_ROOM),
    }
)
# Only with the right to moderate, if that is how the room is set. A reply is a message as any other.
_WRITING = frozenset({Right.POST, Right.EDIT})
_NOTHING: frozenset[Right] = frozenset()

_BY_ROLE = {RoomRole.MEMBER: _MEMBER, RoomRole.ADMIN: _ADMIN, RoomRole.OWNER: _OWNER}
_RANK = {RoomRole.MEMBER: 1, RoomRole.ADMIN: 2, RoomRole.OWNER: 3}
_RIGHT_OF = {
    RoomRole.MEMBER: Right.POST,
    RoomRole.ADMIN: Right.CHANGE,
    RoomRole.OWNER: Right.APPOINT,
}
_SERVER_RANK = {
    ServerRole.GUEST: 0,
    ServerRole.MEMBER: 1,
    ServerRole.ADMIN: 2,
    ServerRole.OWNER: 3,
}
_STAFF = (ServerRole.OWNER, ServerRole.ADMIN)
# What a bot's token must be for. Reading is no right here: what shows something is refused as an operation.
_SCOPE_OF = {
    **dict.fromkeys((Right.POST, Right.MENTION_ALL, Right.EDIT, Right.DELETE), Scope.WRITE),
    **dict.fromkeys((Right.REACT, Right.INTERACT), Scope.WRITE),
    **dict.fromkeys((Right.JOIN, Right.LEAVE, Right.INVITE, Right.CHANGE), Scope.ROOMS),
    **dict.fromkeys((Right.CHANGE_KIND, Right.ARCHIVE, Right.DELETE_ROOM), Scope.ROOMS),
    **dict.fromkeys((Right.PIN, Right.MODERATE, Right.APPOINT), Scope.MODERATE),
}


@cache
def room_rights(
    server: ServerRole,
    kind: RoomKind,
    role: RoomRole | None,
    archived: bool = False,
    posting: Posting = Posting.EVERYONE,
) -> frozenset[Right]:
    """The rights of a user with this server role and this role in a room; None: not a member.

    Staff of the server moderate public rooms, and private rooms they are members of. Other private rooms do
    not exist for them, as for everybody.
    """
    held = _by_roles(server, kind, role)
    if archived:
        return held & _ARCHIVED
    is_silent = posting is Posting.MODERATORS and kind is not RoomKind.DIRECT
    return held - _WRITING if is_silent and Right.MODERATE not in held else held


def _by_roles(server: ServerRole, kind: RoomKind, role: RoomRole | None) -> frozenset[Right]:
    """The rights in a room that is not archived, and where everyone may write."""
    if role is None:
        if kind is not RoomKind.PUBLIC or server is ServerRole.GUEST:
            return _NOTHING
        return _VISITOR | _STEWARD if server in _STAFF else _VISITOR
    if kind is RoomKind.DIRECT:
        return _PARTICIPANT | {Right.PIN}
    if server is ServerRole.GUEST:
        return _PARTICIPANT | {Right.LEAVE}
    if server in _STAFF:
        return _BY_ROLE[role] | _ADMIN | (_STEWARD if kind is RoomKind.PUBLIC else _NOTHING)
    return _BY_ROLE[role]


def rights(user: User, room: Room) -> frozenset[Right]:
    """All rights of a user in a room, as it is now; of a bot those that its token is for."""
    held = _unscoped(user, room)
    return held if user.scopes is UNSET else held & _within(user.scopes)


@cache
def _within(scopes: tuple[Scope, ...]) -> frozenset[Right]:
    """The rights that a token of these scopes leaves to its bot; there are few combinations."""
    return frozenset({Right.READ, *(each for each, scope in _SCOPE_OF.items() if scope in scopes)})


def _unscoped(user: User, room: Room) -> frozenset[Right]:
    described = room.description
    if described is None or described.deleted or user.disabled:
        return _NOTHING
    role = room.role(user.id)
    if role is None and room.bans and room.ban_of(user.id) is not None:
        return _NOTHING
    return room_rights(user.role, described.kind, role, described.archived, described.posting)


def may_read(user: User, room: Room) -> bool:
    """Whether the user may read the room; if not, it does not exist for them."""
    return Right.READ in rights(user, room)


def may_moderate(user: User, room: Room) -> bool:
    """Whether the user may delete messages of others in the room, and remove members of a lower role."""
    return Right.MODERATE in rights(user, room)


def may_mention_all(user: User, room: Room, members: int) -> bool:
    """Whether the user may mention everybody at once: in a room of more than so many members it takes a moderator."""
    held = rights(user, room)
    return Right.MENTION_ALL in held and (Right.MODERATE in held or len(room.members) <= members)


def demand(user: User, room: Room, right: Right) -> None:
    """Raise room.forbidden without the right, or room.not_found if the user may not even know of the room.

    Raises room.archived or room.moderators_only if the user would have the right, were the room not so, and
    room.banned to those who are kept out, with the reason and the end of the ban. Raises auth.scope to a bot
    that has the right, by a token that is not for it.
    """
    held = rights(user, room)
    if right in held:
        return
    if right is not Right.READ and right in _unscoped(user, room):
        demand_scope(user, _SCOPE_OF[right])
    if Right.READ not in held:
        demand_not_banned(user, room)
        raise ChatError("room.not_found")
    raise ChatError(_refusal(user, room, right))


def demand_not_banned(user: User, room: Room) -> None:
    """Raise room.banned if the user is kept out of the room; the detail has the `ban`."""
    event = room.ban_of(user.id)
    if event is not None and event.ban is not None:
        raise ChatError("room.banned", detail={"ban": to_builtins(event.ban)})


def demand_right_to_ban(user: User, room: Room, other: User) -> None:
    """Raise room.forbidden unless the user may keep the other one out: a member of a lower role, or no member.

    Nobody keeps staff of the server out.
    """
    is_member = room.role(other.id) is not None
    if other.id == user.id or is_staff(other) or (is_member and not outranks(user, room, other.id)):
        raise ChatError("room.forbidden")


def _refusal(user: User, room: Room, right: Right) -> str:
    """The code of the error for a user who may read the room, and lacks the right."""
    described = room.description
    if described is None or right not in _by_roles(user.role, described.kind, room.role(user.id)):
        return "room.forbidden"
    return "room.archived" if described.archived else "room.moderators_only"


def may_run(user: User, room: Room, who: RoomRole | ServerRole) -> bool:
    """Whether the user may run a command in the room that is for this role, there or on the server.

    A role in the room counts by the rights that come with it, so also for staff of the server in public rooms.
    """
    held = rights(user, room)
    if isinstance(who, ServerRole):
        return Right.READ in held and _SERVER_RANK[user.role] >= _SERVER_RANK[who]
    return _RIGHT_OF[who] in held


def outranks(user: User, room: Room, other: str) -> bool:
    """Whether `user` may act on the membership of `other`. Staff of the server outrank everybody."""
    if user.role in _STAFF:
        return True
    mine, theirs = room.role(user.id), room.role(other)
    if mine is None or theirs is None:
        return False
    return mine is RoomRole.OWNER or _RANK[mine] > _RANK[theirs]


def demand_other_owner(room: Room, user: str) -> None:
    """Raise room.last_owner if the user is the room's only owner."""
    if room.role(user) is RoomRole.OWNER and not any(
        member.role is RoomRole.OWNER for other, member in room.members.items() if other != user
    ):
        raise ChatError("room.last_owner")


def is_within(user: User, scope: Scope | tuple[Scope, ...] | None) -> bool:
    """Whether the user may use an operation of this scope: a person any, a bot those that its token is for.

    None is the scope of operations that are for people alone.
    """
    if user.scopes is UNSET or scope is None:
        return user.scopes is UNSET
    return any(each in user.scopes for each in (scope if isinstance(scope, tuple) else (scope,)))


def demand_scope(user: User, scope: Scope | tuple[Scope, ...] | None) -> None:
    """Raise auth.scope unless `is_within`; the detail names the scope that is missing, null if none would do.

    Of several of which one would be enough, it names the first.
    """
    if not is_within(user, scope):
        missing = scope[0] if isinstance(scope, tuple) else scope
        raise ChatError("auth.scope", detail={"scope": missing})


def demand_member_of_server(user: User) -> None:
    """Raise user.forbidden for guests, who take part where they were invited but make and find nothing."""
    if user.disabled or user.role is ServerRole.GUEST:
        raise ChatError("user.forbidden")


def is_staff(user: User) -> bool:
    """Whether the user is an owner or admin of the server."""
    return user.role in _STAFF


def demand_right_to_appoint(user: User, role: ServerRole, new: ServerRole) -> None:
    """Raise user.forbidden unless the user may give an account of this role the new one.

    Owners of the server may give any; its admins those below their own, to accounts below their own.
    """
    is_below = role not in _STAFF and new not in _STAFF
    if user.role is not ServerRole.OWNER and not (user.role is ServerRole.ADMIN and is_below):
        raise ChatError("user.forbidden")


def demand_staff(user: User) -> None:
    """Raise user.forbidden unless the user is an owner or admin of the server."""
    if not _is_staff(user):
        raise ChatError("user.forbidden")


def demand_over_account(user: User, other: User) -> None:
    """Raise user.forbidden unless the user, of the staff, may decide who gets into this account of another.

    Owners may for all accounts, admins for those of members and guests: otherwise an admin could become owner.
    """
    is_lower = _SERVER_RANK[user.role] > _SERVER_RANK[other.role]
    is_over = is_lower or user.role is ServerRole.OWNER
    if not _is_staff(user) or user.id == other.id or not is_over:
        raise ChatError("user.forbidden")


def _is_staff(user: User) -> bool:
    return not user.disabled and user.role in _STAFF
