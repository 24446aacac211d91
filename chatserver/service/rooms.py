"""Rooms and their members: making, finding, archiving, deleting, joining, inviting, removing, roles, read markers."""

import hashlib
from base64 import b32encode
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from chatserver.cluster.bus.online import Online
from chatserver.config import LimitsConfig
from chatserver.delivery.hub import Hub
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.actions import (
    RoomAppoint,
    RoomArchive,
    RoomChange,
    RoomCreate,
    RoomInvite,
    RoomJoin,
    RoomLeave,
    RoomRemove,
)
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.filters import FoundRoom
from chatserver.interfaces import Store
from chatserver.model import (
    DIRECT_MEMBERS,
    EditHistory,
    MemberChanged,
    Posting,
    RoomChanged,
    RoomKind,
    RoomRole,
    User,
)
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import SYSTEM, Clock
from chatserver.runtime.ids import new_id
from chatserver.service.accounts import Accounts
from chatserver.service.bans import Bans
from chatserver.service.blocks import Blocks
from chatserver.service.changes import Changes
from chatserver.service.deletion import RoomDeletion
from chatserver.service.found import found_by
from chatserver.service.invitations import Invitations
from chatserver.service.lookup import members_named
from chatserver.service.markers import ReadMarkers
from chatserver.service.membership import (
    AlreadyThere,
    Membership,
    demand_lower,
    demand_member,
    demand_no_ban_of,
)
from chatserver.service.public import PUBLIC_ROOMS, PublicRooms
from chatserver.service.rights import (
    Right,
    demand,
    demand_member_of_server,
    demand_other_owner,
    may_mention_all,
    may_read,
)
from chatserver.service.roomlist import JOINED_ROOMS, JoinedPage, RoomLists
from chatserver.service.texts import clean_description, clean_name, clean_topic
from chatserver.service.views import (
    MEMBER_PAGE,
    MemberList,
    MembersAsked,
    MemberView,
    RoomList,
    RoomView,
    room_name,
    view_of,
)

Described = TypeVar("Described", RoomCreate, RoomChange)
JOINED, PUBLIC = "joined", "public"  # parts of the list of rooms; its cursors begin with one


class RoomService:
    """Operations on rooms and their members."""

    def __init__(
        self,
        store: Store,
        cache: RoomCache,
        log: Log,
        hub: Hub,
        accounts: Accounts,
        changes: Changes,
        limits: LimitsConfig,
        online: Online,
        hooks: HookCalls,
        blocks: Blocks,
        clock: Clock = SYSTEM,
    ) -> None:
        self._blocks = blocks
        self._store, self._cache, self._log, self._online = store, cache, log, online
        self._hooks = hooks
        self._accounts, self._limits = accounts, limits
        self._public = PublicRooms(store)
        self._markers = ReadMarkers(store, hub, hooks)
        self._lists = RoomLists(store, cache, log, self._markers)
        self._membership = Membership(log, hub, self._markers, self._lists, limits)
        self._invitations = Invitations(store, limits)
        self.bans = Bans(self._membership, accounts, changes, hooks, clock)
        self.deletion = RoomDeletion(store, cache, log, hub, self._membership, hooks, clock)
        self._changes = changes
        changes.watch("room", self._recheck)

    # -- finding -------------------------------------------------------------------------------

    async def get(self, room: str, user: User | None = None) -> Room:
        """The room, in step with the store. Raises `ChatError` room.not_found.

        Checks no rights; the caller does. If `user`, who asks, is not known as a member here, the store is
        read: another node may have let them in just now.
        """
        remembered = self._cache.loaded(room)
        if remembered is not None and (user is None or remembered.role(user.id) is not None):
            return _existing(remembered)
        while True:
            known = await self._cache.load(room)
            if known is None:
                raise ChatError("room.not_found")
            if known is remembered or self._cache.loaded(room) is not known:
                await self._log.refresh([known])
            if self._cache.known(room) is known:  # not dropped from memory meanwhile
                return _existing(known)

    async def get_many(
        self, rooms: Sequence[str], since: Mapping[str, int] | None = None
    ) -> dict[str, Room]:
        """Those of the rooms that exist, in step with the store. Checks no rights.

        `since` has the seqs of events by room, for whoever has read these from the store: the rooms stand there, or
        further on.
        """
        if since is None and len(ready := self._cache.all_loaded(rooms)) == len(rooms):
            return {room.id: room for room in ready if not room.is_deleted}
        found = await self._cache.load_many(rooms)
        seqs = since or {}
        await self._log.refresh(
            room
            for name, room in found.items()
            if not self._cache.loaded(name) or room.head < seqs.get(name, 0)
        )
        return {name: room for name, room in found.items() if not room.is_deleted}

    def describe(self, user: User, room: Room) -> RoomView:
        """One room without the user's read position. Raises `ChatError` without the right to read."""
        demand(user, room, Right.READ)
        return self._in_full(view_of(user, room), user, room)

    def name(self, user: User, room: Room) -> str | None:
        """The room's name for a user who may read it; of a direct room, the names of the other users."""
        return room_name(user, room)

    async def view(self, user: User, room: Room) -> RoomView:
        """One room with the user's read position. Raises `ChatError` without the right to read."""
        demand(user, room, Right.READ)
        views = await self.views(user, [room])
        if room.id not in views:  # the right was lost meanwhile
            raise ChatError("room.not_found")
        return self._in_full(views[room.id], user, room)

    def _in_full(self, view: RoomView, user: User, room: Room) -> RoomView:
        """The view with what lists leave out."""
        assert room.description is not None
        return msgspec.structs.replace(
            view,
            description=room.description.description,
            member_count=len(room.members),
            may_mention_all=may_mention_all(user, room, self._limits.mention_all_members),
        )

    async def views(self, user: User, rooms: Sequence[Room]) -> dict[str, RoomView]:
        """Views of those rooms that the user may read, in two queries; without their descriptions."""
        mine = [room for room in rooms if may_read(user, room)]
        read = await self._markers.of_rooms(user, mine)
        unread = await self._markers.unread(user, mine, read)
        views = [
            view_of(user, room, read[room.id], unread[room.id])
            for room in mine
            if may_read(user, room)
        ]
        counted = await self._blocks.counted(user, views, self._cache)
        return {view.id: view for view in counted}

    async def visible(
        self,
        user: User,
        after: str = "",
        limit: int | None = None,
        text: str = "",
        *,
        archived: bool = False,
    ) -> RoomList:
        """The user's rooms, with positions, then public ones to join; each by ascending id.

        `after` is that of the page before, or the id of a public room. Without a `limit`, at most JOINED_ROOMS of
        the one and PUBLIC_ROOMS of the other. A page may have fewer, as plugins leave rooms out.

        With a `text`, only public rooms to join that have it in their name or topic; a page may have none.
        Archived public rooms are listed to their members alone, or with `archived` to all.
        """
        if text:
            page = await self._named(user, after, limit or PUBLIC_ROOMS, text, archived=archived)
        else:
            page = await self._page(user, after, limit, archived=archived)
        if not self._hooks.active.rooms_are_filtered or not page.rooms:
            return page
        hidden = await self._hooks.filter_rooms(list(map(_found, page.rooms)), user)
        shown = [view for view in page.rooms if view.id not in hidden]
        return msgspec.structs.replace(page, rooms=shown)

    async def shown(self, user: User, rooms: Sequence[Room]) -> Sequence[Room]:
        """Those of the rooms, all of which the user may read, that plugins do not leave out."""
        if not self._hooks.active.rooms_are_filtered or not rooms:
            return rooms
        views = [_found(view_of(user, room)) for room in rooms]
        hidden = await self._hooks.filter_rooms(views, user)
        return [room for room in rooms if room.id not in hidden]

    async def _page(self, user: User, after: str, limit: int | None, *, archived: bool) -> RoomList:
        where, _, place = after.rpartition(":")
        mine: JoinedPage | None = None
        views: list[RoomView] = []
        if where == JOINED or not after:
            mine = await self._lists.page(user, place, min(limit or JOINED_ROOMS, JOINED_ROOMS))
            views = list(await self._blocks.counted(user, mine.views, self._cache))
            if mine.more:
                return RoomList(views, more=True, after=f"{JOINED}:{mine.end}")
            place = ""
        joined = mine.ids if mine else await self._lists.ids(user)
        most = PUBLIC_ROOMS if limit is None else limit - len(views)
        public = await self._public.page(user, joined, place, most, archived=archived)
        rooms = [*views, *public.rooms]
        if not public.more:
            return RoomList(rooms)
        return RoomList(rooms, more=True, after=f"{PUBLIC}:{public.after}")

    async def _named(
        self, user: User, after: str, limit: int, text: str, *, archived: bool
    ) -> RoomList:
        place, joined = after.rpartition(":")[2], await self._lists.ids(user)
        page = await self._public.find(user, joined, text, place, limit, archived=archived)
        return msgspec.structs.replace(page, after=f"{PUBLIC}:{page.after}") if page.more else page

    async def public(self, user: User, after: str, limit: int = PUBLIC_ROOMS) -> RoomList:
        """Public rooms that the user is not in, archived ones too, by ascending id > `after`."""
        joined = await self._lists.ids(user)
        return await self._public.page(user, joined, after, limit, archived=True)

    async def joined(self, user: User) -> list[Room]:
        """The rooms the user is in, by ascending id."""
        return await self._lists.rooms(user)

    async def members(
        self,
        user: User,
        room: Room,
        after: str = "",
        limit: int = MEMBER_PAGE,
        text: str = "",
    ) -> MemberList:
        """Members by ascending id > `after`, at most MEMBER_PAGE at once, and fewer if plugins leave some out.

        They have their user names and statuses. `text` as in `MembersAsked`.
        """
        (page,) = await self.member_pages(user, [MembersAsked(room, after, limit=limit, text=text)])
        users = await self._accounts.get_many([member.id for member in page.members])
        named = [
            msgspec.structs.replace(
                member, username=users[member.id].username, status=users[member.id].status
            )
            if member.id in users
            else member
            for member in page.members
        ]
        return msgspec.structs.replace(page, members=named)

    async def member_pages(
        self, user: User, wanted: Sequence[MembersAsked]
    ) -> Sequence[MemberList]:
        """Pages of members, of each at most MEMBER_PAGE. Plugins are asked once for all of them.

        Raises `ChatError` without the right to read one of the rooms.
        """
        pages = [await self._members(user, each) for each in wanted]
        if not self._hooks.active.users_are_filtered:
            return pages
        shown = await found_by(self._hooks, user, [each for page in pages for each in page.members])
        ids = {each.id for each in shown}
        return [
            msgspec.structs.replace(page, members=[one for one in page.members if one.id in ids])
            for page in pages
        ]

    async def _members(self, user: User, asked: MembersAsked) -> MemberList:
        """A page with those that plugins leave out."""
        room, limit = asked.room, min(asked.limit, MEMBER_PAGE)
        demand(user, room, Right.READ)
        if asked.text:
            named = await members_named(self._store, room, asked.text, asked.after, limit)
            more = named.after is not None
            return MemberList(self._member_views(room, named.ids), more=more, after=named.after)
        ids = room.members_by_id()
        first = bisect_right(ids, asked.after)
        end = len(ids) if asked.before is None else bisect_left(ids, asked.before)
        more = end - first > limit
        if asked.is_last:
            shown = ids[max(first, end - limit) : end]
            after = shown[0] if more else None
        else:
            shown = ids[first : min(end, first + limit)]
            after = shown[-1] if more else None
        return MemberList(self._member_views(room, shown), more=more, after=after)

    def _member_views(self, room: Room, members: Sequence[str]) -> list[MemberView]:
        return [
            MemberView(member, known.user.name, known.role, member in self._online, known.user.bot)
            for member, known in ((member, room.members[member]) for member in members)
        ]

    # -- making and changing -----------------------------------------------------------------------

    async def create(
        self,
        user: User,
        kind: RoomKind,
        name: str | None,
        topic: str = "",
        members: Sequence[str] = (),
        description: str = "",
    ) -> Room:
        """Make a room with `user` as owner. A direct room of the same people exists once: a second call returns it."""
        demand_member_of_server(user)
        others = [
            await self._accounts.get(other) for other in dict.fromkeys(members) if other != user.id
        ]
        if len(others) >= self._limits.members_per_room:
            raise ChatError("limit.count", detail={"field": "members", "reason": "count"})
        if kind is RoomKind.DIRECT and len(others) >= DIRECT_MEMBERS:
            raise ChatError(
                "request.invalid",
                f"A direct room has at most {DIRECT_MEMBERS} members.",
                detail={"field": "members", "reason": "direct", "most": DIRECT_MEMBERS},
            )
        if kind is not RoomKind.DIRECT:
            await self._blocks.demand_reachable(user, [other.id for other in others])
        async with self._invitations.lock(user):
            if kind is RoomKind.DIRECT:
                return await self._create_direct(user, others)
            return await self._create(user, kind, name, topic, others, description)

    async def change(
        self,
        user: User,
        room: Room,
        name: str | None,
        topic: str | None,
        posting: Posting | None = None,
        description: str | None = None,
        kind: RoomKind | None = None,
        *,
        slow_mode: int | None = None,
        edit_history: EditHistory | None = None,
    ) -> int:
        """Change name, topic, description, kind, who may write and how often, or who sees edits; None leaves each as it is.

        Returns the seq of the change. `slow_mode` in seconds; 0 ends it. The `kind`, for the room's owners, is public or private. Who is no member can read a room that becomes private no
        longer. Raises `ChatError` room.forbidden, room.archived, request.invalid, action.refused.
        """
        right = Right.CHANGE if kind is None else Right.CHANGE_KIND
        demand(user, room, right)
        if kind is RoomKind.DIRECT:
            raise ChatError(
                "request.invalid",
                "A room with a name does not become a direct one.",
                detail={"field": "kind", "reason": "direct"},
            )
        action = RoomChange(
            room=room.id,
            name=name,
            topic=topic,
            posting=posting,
            description=description,
            kind=kind,
            slow_mode=slow_mode,
            edit_history=edit_history,
        )
        wanted = await self._hooks.allow(action, user, clean=_cleaned)
        given = {
            "name": wanted.name,
            "topic": wanted.topic,
            "posting": posting,
            "description": wanted.description,
            "kind": kind,
            "slow_mode": slow_mode,
            "edit_history": edit_history,
        }
        changes = {field: value for field, value in given.items() if value is not None}
        seq = await self._redescribe(user, room, right, changes)
        if any(each is not None for each in (posting, kind, slow_mode, edit_history)):
            await self._tell_nodes(room)
        return seq

    async def archive(self, user: User, room: Room, archived: bool) -> int:
        """Archive a room, so that it can only be read, or restore it; returns the seq of the change.

        Does nothing, and returns the head, if it is so already.
        """
        demand(user, room, Right.ARCHIVE)
        if room.description is not None and room.description.archived == archived:
            return room.head
        await self._hooks.allow(RoomArchive(room=room.id, archived=archived), user)
        seq = await self._redescribe(user, room, Right.ARCHIVE, {"archived": archived})
        await self._tell_nodes(room)
        return seq

    async def delete(self, user: User, room: Room) -> int:
        """Delete a room for good, with all its contents; returns the seq of its last description.

        Raises `ChatError` room.not_found, and room.forbidden, also for a direct room.
        """
        seq = await self.deletion.delete(user, room)
        self._public.forget()
        await self._tell_nodes(room)
        return seq

    # -- membership ----------------------------------------------------------------------------------

    async def join(self, user: User, room: Room) -> None:
        """Join a public room; does nothing for a present member."""
        if room.role(user.id) is not None:
            return
        demand(user, room, Right.JOIN)
        await self._hooks.allow(RoomJoin(room=room.id), user)
        async with self._invitations.lock(user):
            await self._invitations.check_own(user)
            await self._membership.admit(user, room, user, RoomRole.MEMBER, Right.JOIN)

    async def leave(self, user: User, room: Room) -> None:
        """Leave a room. The last owner can leave only as the last member."""
        demand(user, room, Right.LEAVE)
        await self._hooks.allow(RoomLeave(room=room.id), user)
        await self._membership.dismiss(user, room, user.id, Right.LEAVE)

    async def invite(self, user: User, room: Room, other: str) -> None:
        """Make another user a member; does nothing for a present member."""
        demand(user, room, Right.INVITE)
        invited = await self._accounts.get(other)
        if room.role(invited.id) is not None:
            return
        demand_no_ban_of(room, invited.id)
        await self._blocks.demand_reachable(user, [invited.id])
        await self._hooks.allow(RoomInvite(room=room.id, member=invited.id), user)
        async with self._invitations.lock(user):
            await self._invitations.check_invited(user, [invited])
            await self._membership.admit(user, room, invited, RoomRole.MEMBER, Right.INVITE)

    async def kick(self, user: User, room: Room, other: str) -> None:
        """Remove a member of a lower role."""
        demand(user, room, Right.MODERATE)
        demand_member(room, other)
        if other == user.id:
            raise ChatError("room.forbidden")
        demand_lower(user, room, other)
        await self._hooks.allow(RoomRemove(room=room.id, member=other), user)
        await self._membership.dismiss(user, room, other, Right.MODERATE)
        await self._tell_nodes(room)

    async def appoint(self, user: User, room: Room, other: str, role: RoomRole) -> int:
        """Give a member another role; returns the seq of the change. The last owner keeps the role."""
        demand(user, room, Right.APPOINT)

        def check() -> None:
            demand_member(room, other)
            if role is not RoomRole.OWNER:
                demand_other_owner(room, other)

        check()
        await self._hooks.allow(RoomAppoint(room=room.id, member=other, role=role), user)
        check()
        member = room.members[other]
        seq = await self._membership.append(
            user,
            room,
            Right.APPOINT,
            MemberChanged,
            check,
            user=member.user,
            role=role,
        )
        await self._tell_nodes(room)
        return seq

    # -- read markers ----------------------------------------------------------------------------

    async def mark_read(
        self, user: User, room: Room, seq: int, but: Subscriber | None = None
    ) -> int:
        """Move the user's marker forward; returns its position afterwards. See `ReadMarkers.move`."""
        demand(user, room, Right.READ)
        return await self._markers.move(user, room, seq, but)

    async def read_marks(self, room: Room, users: Sequence[str]) -> dict[str, int]:
        """How far (seq) those of the users (ids) have read who have a marker in the room; one read of the store.

        Checks no rights; the caller does. Who joins or leaves has a marker at that event, and is not known to have
        read what is before it.
        """
        return await self._markers.of_users(room, users)

    async def imported(self, room: Room) -> int:
        """The seq of the last event of the room that was imported from another chat, 0 if none was; one read of the store.

        All members have a marker there, as what is imported counts as read; nobody is known to have read it.
        """
        return await self._markers.imported(room)

    # -- other nodes -----------------------------------------------------------------------------

    async def _tell_nodes(self, room: Room) -> None:
        """Tell other nodes at once of a changed right, before they compare heads."""
        with suppress(StoreUnavailable):  # they still learn of it when they compare heads
            await self._changes.announce("room", room.id)

    async def _recheck(self, name: str) -> None:
        """Refresh a room in which another node removed a member or changed a role."""
        known = self._cache.known(name)
        if known is not None:
            await self._log.refresh([known])

    # -- shared ------------------------------------------------------------------------------------

    async def _redescribe(
        self, user: User, room: Room, right: Right, changes: Mapping[str, Any]
    ) -> int:
        """Write the room's description anew, with these fields changed; returns the seq."""

        def changed(**entry: Any) -> RoomChanged:
            before = room.description
            assert before is not None
            changed = msgspec.structs.replace(before, **entry, **changes)
            if changed.edit_history is before.edit_history:
                return changed
            return msgspec.structs.replace(changed, edits_since=changed.seq)

        seq = await self._membership.append(user, room, right, changed)
        is_public = room.description is not None and room.description.kind is RoomKind.PUBLIC
        if is_public or "kind" in changes:
            self._public.forget()
        return seq

    async def _create(
        self,
        user: User,
        kind: RoomKind,
        name: str | None,
        topic: str,
        others: Sequence[User],
        description: str,
    ) -> Room:
        wanted = await self._allowed(user, kind, clean_name(name), topic, others, description)
        await self._invitations.check_own(user)
        await self._invitations.check_invited(user, others)
        room = self._cache.keep(Room(new_id()))
        await self._membership.describe(
            user, room, clean_name(wanted.name), kind, wanted.topic, wanted.description
        )
        if kind is RoomKind.PUBLIC:
            self._public.forget()
        await self._membership.admit(user, room, user, RoomRole.OWNER)
        for other in others:
            await self._membership.admit(user, room, other, RoomRole.MEMBER)
        return room

    async def _allowed(
        self,
        user: User,
        kind: RoomKind,
        name: str | None,
        topic: str,
        others: Sequence[User],
        description: str = "",
    ) -> RoomCreate:
        members = tuple(other.id for other in others)
        action = RoomCreate(
            kind=kind, name=name, topic=topic, members=members, description=description
        )
        return await self._hooks.allow(action, user, clean=_cleaned)

    async def _create_direct(self, user: User, others: Sequence[User]) -> Room:
        id = direct_room_id({user.id, *(other.id for other in others)})
        room = await self._cache.load(id)
        if room is None:
            for other in others:
                await self._blocks.demand_open(user, other.id)
            await self._allowed(user, RoomKind.DIRECT, None, "", others)
            await self._invitations.check_own(user)
            await self._invitations.check_invited(user, others)
            room = self._cache.keep(Room(id))
        with suppress(AlreadyThere):
            if room.description is None:
                await self._membership.describe(user, room, None, RoomKind.DIRECT)
        # A crash, or another node at work, may have left the room without its members.
        missing = [each for each in (user, *others) if room.role(each.id) is None]
        await self._membership.admit_all(user, room, missing, RoomRole.MEMBER)
        return room


def _existing(room: Room) -> Room:
    """The room, unless it is deleted: then it raises room.not_found."""
    if room.is_deleted:
        raise ChatError("room.not_found")
    return room


def _cleaned(action: Described) -> Described:
    """The action with a clean name, topic and description. Raises `ChatError` request.invalid."""
    name = None if action.name is None else clean_name(action.name)
    topic = None if action.topic is None else clean_topic(action.topic)
    about = None if action.description is None else clean_description(action.description)
    return msgspec.structs.replace(action, name=name, topic=topic, description=about)


def direct_room_id(users: set[str]) -> str:
    """The id of the direct room of these users: the same on every node, so a room is made only once."""
    digest = hashlib.sha256("\n".join(sorted(users)).encode()).digest()
    return "d" + b32encode(digest).decode().lower()[:25]


def _found(view: RoomView) -> FoundRoom:
    return FoundRoom(
        id=view.id, name=view.name, kind=view.kind, topic=view.topic, joined=view.joined
    )
