"""What users do with groups, at whatever door, and the rights that it needs."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from chatserver import (
    Actor,
    ChatError,
    Context,
    GroupChange,
    GroupCreate,
    GroupRemove,
    ServerRole,
    User,
    UserRate,
    UserRef,
    clean_line,
    clean_username,
    is_staff,
    time_text,
)
from chatserver_plugins.groups.book import Book, Group, taken
from chatserver_plugins.groups.views import (
    TITLE_CHARS,
    FullGroup,
    GroupChanges,
    GroupList,
    GroupView,
    Member,
    NewGroup,
)

CHANGED = "changed"  # the notice of a group that was made, changed or removed
TOLD = (ServerRole.OWNER, ServerRole.ADMIN, ServerRole.MEMBER)
RESERVED = ("room", "here")  # which mention everybody in a room, or online there
# Lists by one user, each of which reads all groups; changes, of which each is told to everybody.
LISTS_PER_SECOND, LISTS_BURST = 1.0, 20.0
CHANGES_PER_SECOND, CHANGES_BURST = 0.5, 30.0

Makers = Literal["staff", "members"]


class Desk:
    """Lists, makes, changes and removes groups. `address` is the client's, None where the door does not tell it."""

    def __init__(
        self, context: Context, book: Book, *, makers: Makers, most_by_member: int
    ) -> None:
        self._context, self._service, self._book = context, context.service, book
        self._makers, self._most_by_member = makers, most_by_member
        self._lists = UserRate(LISTS_PER_SECOND, LISTS_BURST)
        self._changes = UserRate(CHANGES_PER_SECOND, CHANGES_BURST)

    # -- looking -----------------------------------------------------------------------------------

    async def all(self, user: User) -> GroupList:
        """The groups, for everybody but guests. Raises `ChatError` user.forbidden, limit.rate."""
        _demand_no_guest(user)
        self._lists.take(user.id)
        known = [each async for each in self._book.all()]
        people = await self._service.accounts.get_many(sorted({group.by for _, group in known}))
        return GroupList(
            groups=[self._view(user, name, group, people) for name, group in known],
            may_make=is_staff(user) or self._is_member_who_may(user),
            most_members=self._book.most_members,
        )

    async def get(self, user: User, name: str) -> FullGroup:
        """A group with its members, for everybody but guests. Raises `ChatError` user.forbidden, groups.not_found."""
        _demand_no_guest(user)
        folded = _clean_name(name)
        return await self._full(user, folded, await self._book.get(folded))

    async def members(self, user: User, name: str) -> Sequence[User]:
        """Those members of whom the user may know, without deleted accounts. Raises as `get`."""
        _demand_no_guest(user)
        return await self._known(user, (await self._book.get(name)).members)

    async def members_of(self, names: Sequence[str]) -> Mapping[str, Collection[str]]:
        """The ids of the members of those of these groups that there are."""
        return {name: group.members for name, group in (await self._book.find(names)).items()}

    # -- changing ----------------------------------------------------------------------------------

    async def make(self, user: User, address: str | None, given: NewGroup) -> FullGroup:
        """Raises `ChatError` user.forbidden, auth.address, request.invalid, groups.taken, user.not_found, limit.count,
        limit.rate, action.refused.
        """
        self._demand_maker(user, address)
        name = _clean_name(given.name)
        self._changes.take(user.id)
        members = await self._wanted(user, given.members)
        await self._demand_free(name)
        action = GroupCreate(name=name, title=_clean_title(given.title), members=tuple(members))
        allowed = await self._context.allow(action, user)
        group = Group(
            title=_clean_title(allowed.title),
            members=tuple(members),
            by=user.id,
            at=time_text(self._context.clock.now()),
        )
        await self._book.add(name, group, None if is_staff(user) else self._most_by_member)
        self._note("group_made", user, user, address, name)
        return await self._changed(user, address, name, group, members.values(), ())

    async def change(
        self, user: User, address: str | None, name: str, given: GroupChanges
    ) -> FullGroup:
        """Raises `ChatError` groups.not_found and those of `make`. Who is no member is not removed, nor added twice."""
        name = _clean_name(name)
        self._demand_maker(user, address, await self._book.get(name))
        self._changes.take(user.id)
        added = await self._wanted(user, given.add)
        title = None if given.title is UNSET else _clean_title(given.title)
        action = GroupChange(
            name=name, title=title, added=tuple(added), removed=tuple(dict.fromkeys(given.remove))
        )
        allowed = await self._context.allow(action, user)
        new = None if allowed.title is None else _clean_title(allowed.title)

        def changed(group: Group) -> Group:
            members = {**dict.fromkeys(group.members), **dict.fromkeys(added)}
            left = tuple(each for each in members if each not in action.removed)
            return Group(
                title=group.title if new is None else new, members=left, by=group.by, at=group.at
            )

        before, group = await self._book.change(name, changed)
        if group.title != before.title:
            self._note("group_changed", user, user, address, name)
        came = set(group.members) - set(before.members)
        gone = await self._gone(before, group)
        joined = [account for id, account in added.items() if id in came]
        return await self._changed(user, address, name, group, joined, gone)

    async def remove(self, user: User, address: str | None, name: str) -> None:
        """Raises `ChatError` groups.not_found, user.forbidden, auth.address, limit.rate, action.refused."""
        name = _clean_name(name)
        self._demand_maker(user, address, await self._book.get(name))
        self._changes.take(user.id)
        await self._context.allow(GroupRemove(name=name), user)
        await self._book.remove(name)
        self._note("group_removed", user, user, address, name)
        self._context.tell(CHANGED, {"name": name, "title": None, "member_count": 0}, roles=TOLD)

    async def leave(self, user: User, address: str | None, name: str) -> None:
        """Leave a group; does nothing for who is no member. Raises `ChatError` groups.not_found, limit.rate,
        action.refused.
        """
        name = _clean_name(name)
        if user.id not in (await self._book.get(name)).members:
            return
        self._changes.take(user.id)
        action = GroupChange(name=name, title=None, added=(), removed=(user.id,))
        await self._context.allow(action, user)
        _, group = await self._book.change(name, lambda old: _without(old, user.id))
        self._note("group_left", user, user, address, name)
        self._tell(name, group)

    # -- what happens elsewhere --------------------------------------------------------------------

    async def demand_no_group(self, username: str) -> None:
        """Raise `ChatError` user.exists if a group has the name that somebody wants to have."""
        name = clean_username(username)
        if await self._book.find([name]):
            raise ChatError("user.exists")

    async def forget(self, user: str) -> None:
        """The account (id) is deleted: it is in no group any more."""
        names = [name async for name, group in self._book.all() if user in group.members]
        for name in names:
            try:
                _, group = await self._book.change(name, lambda old: _without(old, user))
            except ChatError as error:
                if error.code != "groups.not_found":
                    raise
            else:
                self._tell(name, group)

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """The groups that a user (id) is in, for themselves."""
        async for name, group in self._book.all():
            if user in group.members:
                yield {"group": name, "title": group.title}

    # -- parts -------------------------------------------------------------------------------------

    def _is_member_who_may(self, user: User) -> bool:
        return self._makers == "members" and user.role is ServerRole.MEMBER

    def _may_change(self, user: User, group: Group) -> bool:
        return is_staff(user) or (self._is_member_who_may(user) and group.by == user.id)

    def _demand_maker(self, user: User, address: str | None, group: Group | None = None) -> None:
        """Raise unless the user may make groups, or change this one."""
        is_own = group is None or group.by == user.id
        if not (is_own and self._is_member_who_may(user)):
            self._service.administration.demand(user, address)

    async def _demand_free(self, name: str) -> None:
        if name in RESERVED or await self._service.accounts.by_name(name) is not None:
            raise taken(name)

    async def _wanted(self, user: User, ids: Sequence[str]) -> dict[str, User]:
        """The accounts to add, by id. Raises `ChatError` user.not_found for one of whom the user may not know."""
        found = {each.id: each for each in await self._known(user, ids)} if ids else {}
        if not found.keys() >= set(ids):
            raise ChatError("user.not_found")
        return {id: found[id] for id in ids}

    async def _known(self, user: User, ids: Sequence[str]) -> Sequence[User]:
        known = {each.id: each for each in await self._service.people.known_to(user, ids)}
        return [known[id] for id in ids if id in known and not known[id].deleted]

    async def _gone(self, before: Group, after: Group) -> Collection[User]:
        gone = sorted(set(before.members) - set(after.members))
        return (await self._service.accounts.get_many(gone)).values() if gone else ()

    async def _changed(
        self,
        user: User,
        address: str | None,
        name: str,
        group: Group,
        joined: Collection[User],
        left: Collection[User],
    ) -> FullGroup:
        """Tell of the change of a group; returns it as the user sees it."""
        for account in joined:
            self._note("group_joined", account, user, address, name)
        for account in left:
            self._note("group_left", account, user, address, name)
        self._tell(name, group)
        return await self._full(user, name, group)

    def _tell(self, name: str, group: Group) -> None:
        told = {"name": name, "title": group.title, "member_count": len(group.members)}
        self._context.tell(CHANGED, told, roles=TOLD)

    def _note(
        self,
        what: Literal["group_made", "group_changed", "group_removed", "group_joined", "group_left"],
        account: User,
        user: User,
        address: str | None,
        name: str,
    ) -> None:
        """Tell plugins, the audit log among them, of what was done."""
        by = Actor(user=user.id, address=address)
        self._service.accounts.tell(what, account, by, item=name)

    async def _full(self, user: User, name: str, group: Group) -> FullGroup:
        people = await self._service.accounts.get_many([group.by])
        members = [Member.of(each) for each in await self._known(user, group.members)]
        view = self._view(user, name, group, people)
        return FullGroup(**msgspec.structs.asdict(view), members=members)

    def _view(self, user: User, name: str, group: Group, people: Mapping[str, User]) -> GroupView:
        maker = people.get(group.by)
        return GroupView(
            name=name,
            title=group.title,
            member_count=len(group.members),
            is_member=user.id in group.members,
            may_change=self._may_change(user, group),
            by=UserRef(id=group.by, name="") if maker is None else UserRef.of(maker),
            at=group.at,
        )


def _demand_no_guest(user: User) -> None:
    if user.role is ServerRole.GUEST:
        raise ChatError("user.forbidden", "Groups are not for guests.")


def _clean_name(text: str) -> str:
    """The name as it is stored: that of a group has the form of a user name."""
    try:
        return clean_username(text)
    except ChatError as error:
        raise ChatError(
            "request.invalid",
            "The name of a group has 1 to 32 letters, digits, dots, dashes or underscores of one script.",
            detail={"field": "group", "reason": "form"},
        ) from error


def _clean_title(text: str) -> str:
    return clean_line(text, TITLE_CHARS, "group", "The title of a group")


def _without(group: Group, user: str) -> Group:
    left = tuple(each for each in group.members if each != user)
    return msgspec.structs.replace(group, members=left)
