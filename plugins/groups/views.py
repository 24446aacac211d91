"""What clients say of groups, and what they are shown."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chatserver import User, UserRef

AT_ONCE = 100  # users who are added or removed by one request
TITLE_CHARS = 100

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Ids: TypeAlias = Annotated[tuple[Id, ...], Meta(max_length=AT_ONCE)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Title: TypeAlias = Annotated[str, Meta(max_length=200)]  # with blanks around it


class NewGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group to make, with the ids of its first members."""

    name: Name
    title: Title = ""
    members: Ids = ()


class GroupChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What of a group is to be otherwise: another title, users (ids) to add, and others to remove."""

    title: Title | UnsetType = UNSET
    add: Ids = ()
    remove: Ids = ()


class Member(msgspec.Struct, frozen=True):
    """A member of a group. `bot` as in `User`."""

    id: str
    username: str
    name: str
    bot: bool | UnsetType = UNSET

    @classmethod
    def of(cls, user: User) -> "Member":
        return cls(user.id, user.username, user.name, user.bot)


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """A group in a list: who made it and when, whether the reader is a member, and may change it."""

    name: str
    title: str
    member_count: int
    is_member: bool
    may_change: bool
    by: UserRef
    at: str


class FullGroup(GroupView, frozen=True, kw_only=True):
    """A group with those of its members of whom the reader may know."""

    members: Sequence[Member]


class GroupList(msgspec.Struct, frozen=True, kw_only=True):
    """All groups by name, whether the reader may make some, and the most members of one."""

    groups: Sequence[GroupView]
    may_make: bool
    most_members: int
