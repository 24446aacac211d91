"""The rights of each role, as a table written out; a hidden room seems not to exist."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import product

import msgspec
import pytest
from msgspec import UNSET

from chatserver.errors import ChatError
from chatserver.model import (
    MemberJoined,
    Posting,
    RoomChanged,
    RoomKind,
    RoomRole,
    Scope,
    ServerRole,
    User,
    UserRef,
)
from chatserver.roomlog.room import Room
from chatserver.service.preferences import PreferencesChange
from chatserver.service.rights import (
    Right,
    demand,
    demand_scope,
    is_staff,
    is_within,
    outranks,
    rights,
    room_rights,
)
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running
from tests.waiting import until

LETTERS = {
    "r": Right.READ, "j": Right.JOIN, "l": Right.LEAVE, "p": Right.POST, "e": Right.EDIT,
    "d": Right.DELETE, "a": Right.REACT, "n": Right.PIN, "i": Right.INVITE, "m": Right.MODERATE,
    "c": Right.CHANGE, "o": Right.APPOINT, "v": Right.ARCHIVE, "x": Right.INTERACT,
    "z": Right.DELETE_ROOM, "k": Right.CHANGE_KIND, "t": Right.MENTION_ALL,
}  # fmt: skip

# on the server | in the room: nobody  | member          | admin             | owner
TABLE = """
public
    owner       | r j n m c o vz x     | rpedalitnmcovzx | rpedalitnmcovzx   | rpedalitnmckovzx
    admin       | r j n m c o vz x     | rpedalitnmcovzx | rpedalitnmcovzx   | rpedalitnmckovzx
    member      | r j x                | rpeda l it x    | rpeda l it nmc x  | rpeda l it nmck ovz x
    guest       | -                    | rpeda l x       | rpeda l x         | rpeda l x
private
    owner       | -                    | rpedalitnmcx    | rpedalitnmcx      | rpedalitnmckovzx
    admin       | -                    | rpedalitnmcx    | rpedalitnmcx      | rpedalitnmckovzx
    member      | -                    | rpeda l it x    | rpeda l it nmc x  | rpeda l it nmck ovz x
    guest       | -                    | rpeda l x       | rpeda l x         | rpeda l x
direct
    owner       | -                    | rpeda n x       | rpeda n x         | rpeda n x
    admin       | -                    | rpeda n x       | rpeda n x         | rpeda n x
    member      | -                    | rpeda n x       | rpeda n x         | rpeda n x
    guest       | -                    | rpeda n x       | rpeda n x         | rpeda n x
"""
IN_ROOM = (None, RoomRole.MEMBER, RoomRole.ADMIN, RoomRole.OWNER)


def table() -> dict[tuple[ServerRole, RoomKind, RoomRole | None], frozenset[Right]]:
    found = {}
    kind = RoomKind.PUBLIC
    for line in TABLE.strip().splitlines():
        if "|" not in line:
            kind = RoomKind(line.strip())
            continue
        server, *cells = (cell.strip() for cell in line.split("|"))
        for role, cell in zip(IN_ROOM, cells, strict=True):
            letters = cell.replace(" ", "").replace("-", "")
            found[ServerRole(server), kind, role] = frozenset(LETTERS[each] for each in letters)
    return found


def test_the_table_has_every_right_and_every_combination() -> None:
    assert set(LETTERS.values()) == set(Right)
    assert set(table()) == set(product(ServerRole, RoomKind, IN_ROOM))


@pytest.mark.parametrize(("server", "kind", "role"), list(table()))
def test_rights(server: ServerRole, kind: RoomKind, role: RoomRole | None) -> None:
    assert room_rights(server, kind, role) == table()[server, kind, role]


@pytest.mark.parametrize(("server", "kind", "role"), list(table()))
def test_rights_in_an_archived_room(
    server: ServerRole, kind: RoomKind, role: RoomRole | None
) -> None:
    left = {LETTERS[each] for each in "rldmovz"}
    assert room_rights(server, kind, role, archived=True) == table()[server, kind, role] & left


@pytest.mark.parametrize(("server", "kind", "role"), list(table()))
def test_rights_where_only_moderators_write(
    server: ServerRole, kind: RoomKind, role: RoomRole | None
) -> None:
    held = table()[server, kind, role]
    is_silent = kind is not RoomKind.DIRECT and Right.MODERATE not in held
    left = held - {Right.POST, Right.EDIT} if is_silent else held
    assert room_rights(server, kind, role, posting=Posting.MODERATORS) == left
    both = room_rights(server, kind, role, archived=True, posting=Posting.MODERATORS)
    assert both == room_rights(server, kind, role, archived=True)


def test_a_disabled_user_has_no_right() -> None:
    room = Room("r")
    user = User(id="u", username="u", name="u", role=ServerRole.OWNER, at="", disabled=True)
    with pytest.raises(ChatError, match=r"room\.not_found"):
        demand(user, room, Right.READ)


SCOPES = {
    Scope.READ: "r",
    Scope.WRITE: "rpedaxt",
    Scope.ROOMS: "rjlickvz",
    Scope.MODERATE: "rnmo",
}


@pytest.mark.parametrize("scope", Scope)
def test_a_bot_has_of_its_rights_those_that_its_token_is_for(scope: Scope) -> None:
    room, at = Room("r"), "2026-01-01T00:00:00.000Z"
    robo = UserRef("u", "Robo", True)
    described = {"room": "r", "at": at, "author": robo, "kind": RoomKind.PUBLIC, "name": "Lounge"}
    room.apply(RoomChanged(seq=1, **described), 10)
    member = User(id="u", username="u", name="u", role=ServerRole.MEMBER, at="", bot=True)
    bot = member.within((scope,))
    visitor = {Right.READ, Right.JOIN, Right.INTERACT}
    left = {LETTERS[each] for each in SCOPES[scope]}
    assert rights(bot, room) == visitor & left
    joined = MemberJoined(room="r", seq=2, at=at, author=robo, user=robo, role=RoomRole.OWNER)
    room.apply(joined, 10)
    assert rights(member, room) == table()[ServerRole.MEMBER, RoomKind.PUBLIC, RoomRole.OWNER]
    assert rights(bot, room) == rights(member, room) & left
    for right in rights(member, room) - left:
        with pytest.raises(ChatError, match=r"auth\.scope"):
            demand(bot, room, right)


def test_of_several_scopes_a_token_needs_one() -> None:
    person = User(id="u", username="u", name="u", role=ServerRole.MEMBER, at="")
    either = (Scope.WRITE, Scope.READ)
    for user, is_let_in in {
        person: True,
        person.within((Scope.READ,)): True,
        person.within((Scope.ROOMS, Scope.WRITE)): True,
        person.within((Scope.ROOMS,)): False,
        person.within(()): False,
    }.items():
        assert is_within(user, either) is is_let_in
    with pytest.raises(ChatError, match=r"auth\.scope") as caught:
        demand_scope(person.within((Scope.ROOMS,)), either)
    assert caught.value.detail == {"scope": Scope.WRITE}
    assert not is_within(person.within(tuple(Scope)), None)


def test_each_right_but_reading_is_of_one_scope() -> None:
    letters = "".join(SCOPES.values()).replace("r", "")
    assert sorted(letters + "r") == sorted(LETTERS)


def test_a_bot_is_never_of_the_staff_and_has_no_more_for_its_role() -> None:
    owner = User(id="u", username="u", name="u", role=ServerRole.OWNER, at="", bot=True)
    bot = owner.within(tuple(Scope))
    assert is_staff(owner) and not is_staff(bot)
    assert bot.within(UNSET) is bot  # nothing takes a bot's scopes from it
    guest = msgspec.structs.replace(owner, role=ServerRole.GUEST)
    assert guest.within((Scope.READ,)).role is ServerRole.GUEST


def test_nobody_has_a_right_in_a_deleted_room() -> None:
    room, at = Room("r"), "2026-01-01T00:00:00.000Z"
    ada = UserRef("u", "Ada")
    first = {"room": "r", "at": at, "author": ada, "kind": RoomKind.PUBLIC, "name": "Lounge"}
    joined = MemberJoined(room="r", seq=2, at=at, author=ada, user=ada, role=RoomRole.OWNER)
    room.apply(RoomChanged(seq=1, **first), 10)
    room.apply(joined, 10)
    owner = User(id="u", username="u", name="u", role=ServerRole.OWNER, at="")
    assert rights(owner, room)
    room.apply(RoomChanged(seq=3, deleted=True, **first), 10)
    assert not rights(owner, room)
    with pytest.raises(ChatError, match=r"room\.not_found"):
        demand(owner, room, Right.DELETE_ROOM)


# -- through the service ----------------------------------------------------------------------------


class Scene:
    """A private room of `owner`, with an admin, two members and a guest; and others outside."""

    def __init__(self, service: Service) -> None:
        self.service, self.people = service, dict[str, User]()

    async def build(self) -> None:
        names = ("owner", "admin", "admin2", "member", "member2", "outsider")
        for name in names:
            self.people[name] = await add_user(self.service, name)
        for name in (ServerRole.GUEST, ServerRole.ADMIN):
            self.people[f"server-{name}"] = await add_user(self.service, f"server-{name}", name)
        inside = [self.people[name].id for name in ("admin", "admin2", "member", "member2")]
        owner, rooms = self.people["owner"], self.service.rooms
        self.private = await rooms.create(owner, RoomKind.PRIVATE, "secret", members=inside)
        self.public = await rooms.create(owner, RoomKind.PUBLIC, "open", members=inside)
        for room in (self.private, self.public):
            await rooms.appoint(owner, room, inside[0], RoomRole.ADMIN)
            await rooms.appoint(owner, room, inside[1], RoomRole.ADMIN)
        posted, _ = await self.service.messages.post(owner, self.private, "c1", "a secret")
        self.message = posted.id


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with running(make_service(MemoryStore(), config())) as service:
        built = Scene(service)
        await built.build()
        yield built


Attempt = Callable[[Service, User, Room], Awaitable[object]]


def attempts(message: str, other: str) -> dict[str, Attempt]:
    async def events(service: Service, user: User, room: Room) -> object:
        return await service.history.events(user, room, 0)

    async def members(service: Service, user: User, room: Room) -> object:
        return await service.rooms.members(user, room)

    async def bans(service: Service, user: User, room: Room) -> object:
        return service.rooms.bans.page(user, room)

    async def search(service: Service, user: User, room: Room) -> object:
        return await service.search.find(user, "secret", room)

    async def commands(service: Service, user: User, room: Room) -> object:
        return service.commands.available(user, room)

    return {
        "view": lambda s, u, r: s.rooms.view(u, r),
        "members": members,
        "join": lambda s, u, r: s.rooms.join(u, r),
        "leave": lambda s, u, r: s.rooms.leave(u, r),
        "invite": lambda s, u, r: s.rooms.invite(u, r, other),
        "invite nobody": lambda s, u, r: s.rooms.invite(u, r, "nobody"),
        "kick": lambda s, u, r: s.rooms.kick(u, r, other),
        "ban": lambda s, u, r: s.rooms.bans.add(u, r, other),
        "lift": lambda s, u, r: s.rooms.bans.lift(u, r, other),
        "bans": bans,
        "appoint": lambda s, u, r: s.rooms.appoint(u, r, other, RoomRole.OWNER),
        "change": lambda s, u, r: s.rooms.change(u, r, "mine", None),
        "open": lambda s, u, r: s.rooms.change(u, r, None, None, kind=RoomKind.PUBLIC),
        "archive": lambda s, u, r: s.rooms.archive(u, r, True),
        "delete room": lambda s, u, r: s.rooms.delete(u, r),
        "mark read": lambda s, u, r: s.rooms.mark_read(u, r, 1),
        "prefer": lambda s, u, r: s.preferences.set(u, r, PreferencesChange(muted=True)),
        "page": lambda s, u, r: s.history.page(u, r),
        "newest": lambda s, u, r: s.history.newest_encoded(u, r),
        "events": events,
        "search": search,
        "commands": commands,
        "command": lambda s, u, r: s.commands.run(u, r, "/nothing", "c5"),
        "complete": lambda s, u, r: s.commands.complete(u, r, "/n"),
        "post": lambda s, u, r: s.messages.post(u, r, "c2", "hello"),
        "post nothing": lambda s, u, r: s.messages.post(u, r, "c3", " "),
        "reply": lambda s, u, r: s.messages.post(u, r, "c4", "hello", message),
        "edit": lambda s, u, r: s.messages.edit(u, r, message, "mine"),
        "delete": lambda s, u, r: s.messages.delete(u, r, message),
        "delete none": lambda s, u, r: s.messages.delete(u, r, f"{r.id}-999"),
        "react": lambda s, u, r: s.messages.react(u, r, message, "👍"),
        "unreact": lambda s, u, r: s.messages.unreact(u, r, message, "👍"),
        "pin": lambda s, u, r: s.messages.pin(u, r, message, True),
        "pins": lambda s, u, r: s.messages.pins.page(u, r),
        "reply in a thread": lambda s, u, r: s.messages.post(u, r, "c5", "hello", thread=message),
        "thread": lambda s, u, r: s.messages.threads.page(u, r, message),
        "threads": lambda s, u, r: s.messages.threads.views(u, r, [message]),
        "interact": lambda s, u, r: s.interactions.interact(u, r, message, "yes", {}),
    }


async def refusal(attempt: Attempt, service: Service, user: User, room: str) -> ChatError:
    with pytest.raises(ChatError) as caught:
        await attempt(service, user, await service.rooms.get(room))
    return caught.value


async def test_a_private_room_seems_not_to_exist() -> None:
    async with scene() as built:
        service = built.service
        for name in ("outsider", "server-guest", "server-admin"):
            user = built.people[name]
            for what, attempt in attempts(built.message, built.people["member"].id).items():
                hidden = await refusal(attempt, service, user, built.private.id)
                absent = await refusal(attempt, service, user, "there-is-no-such-room")
                assert vars(hidden) == vars(absent), what
                assert hidden.code == "room.not_found", what
            seen = await service.rooms.visible(user)
            assert built.private.id not in [view.id for view in seen.rooms]


async def test_a_direct_room_of_others_seems_not_to_exist() -> None:
    async with scene() as built:
        service, people = built.service, built.people
        direct = await service.rooms.create(
            people["owner"], RoomKind.DIRECT, None, members=[people["member"].id]
        )
        for what, attempt in attempts("m", people["member"].id).items():
            for name in ("admin", "server-admin"):
                hidden = await refusal(attempt, service, people[name], direct.id)
                absent = await refusal(attempt, service, people[name], "there-is-no-such-room")
                assert vars(hidden) == vars(absent), what


async def test_after_a_removal_a_private_room_seems_not_to_exist() -> None:
    async with scene() as built:
        service, member = built.service, built.people["member"]
        await service.rooms.kick(built.people["admin"], built.private, member.id)
        for what, attempt in attempts(built.message, built.people["admin"].id).items():
            hidden = await refusal(attempt, service, member, built.private.id)
            absent = await refusal(attempt, service, member, "there-is-no-such-room")
            assert vars(hidden) == vars(absent), what


KICKS = {
    ("owner", "admin"): None,
    ("owner", "member"): None,
    ("owner", "owner"): "room.forbidden",  # one leaves instead
    ("owner", "outsider"): "user.not_found",
    ("admin", "member"): None,
    ("admin", "admin2"): "room.forbidden",
    ("admin", "owner"): "room.forbidden",
    ("admin", "admin"): "room.forbidden",
    ("member", "member2"): "room.forbidden",
    ("member", "admin"): "room.forbidden",
    ("outsider", "member"): "room.forbidden",
    ("server-admin", "owner"): None,  # staff moderates public rooms
    ("server-admin", "outsider"): "user.not_found",
    ("server-guest", "member"): "room.not_found",
}


@pytest.mark.parametrize(("who", "whom"), list(KICKS))
async def test_kicks_by_rank(who: str, whom: str) -> None:
    async with scene() as built:
        kick = built.service.rooms.kick(built.people[who], built.public, built.people[whom].id)
        code = KICKS[who, whom]
        if code is None:
            await kick
            assert built.public.role(built.people[whom].id) is None
            return
        with pytest.raises(ChatError) as caught:
            await kick
        assert caught.value.code == code


async def test_an_owner_may_remove_an_owner() -> None:
    async with scene() as built:
        owner, admin = built.people["owner"], built.people["admin"]
        await built.service.rooms.appoint(owner, built.private, admin.id, RoomRole.OWNER)
        assert outranks(admin, built.private, owner.id)
        await built.service.rooms.kick(admin, built.private, owner.id)
        assert built.private.role(owner.id) is None


async def test_the_last_owner_stays_one_while_others_are_in_the_room() -> None:
    async with scene() as built:
        owner, admin = built.people["owner"], built.people["admin"]
        rooms, room = built.service.rooms, built.private
        for attempt in (
            rooms.leave(owner, room),
            rooms.appoint(owner, room, owner.id, RoomRole.MEMBER),
        ):
            with pytest.raises(ChatError, match=r"room\.last_owner"):
                await attempt
        await rooms.appoint(owner, room, admin.id, RoomRole.OWNER)
        await rooms.leave(owner, room)
        assert (room.role(owner.id), room.role(admin.id)) == (None, RoomRole.OWNER)


async def test_one_of_two_owners_who_leave_at_once_stays() -> None:
    async with scene() as built:
        owner, admin = built.people["owner"], built.people["admin"]
        rooms, room = built.service.rooms, built.private
        await rooms.appoint(owner, room, admin.id, RoomRole.OWNER)
        left, stayed = await gathered(rooms.leave(owner, room), rooms.leave(admin, room))
        assert left is None
        assert isinstance(stayed, ChatError) and stayed.code == "room.last_owner"
        assert room.role(admin.id) is RoomRole.OWNER


async def test_the_last_member_may_leave_but_not_as_less_than_owner() -> None:
    async with scene() as built:
        member, rooms = built.people["member"], built.service.rooms
        room = await rooms.create(member, RoomKind.PRIVATE, "mine")
        with pytest.raises(ChatError, match=r"room\.last_owner"):
            await rooms.appoint(member, room, member.id, RoomRole.ADMIN)
        await rooms.leave(member, room)
        assert room.members == {}


async def test_staff_can_remove_even_the_last_owner() -> None:
    async with scene() as built:
        owner, staff = built.people["owner"], built.people["server-admin"]
        await built.service.rooms.kick(staff, built.public, owner.id)
        assert built.public.role(owner.id) is None


async def test_a_user_who_left_gets_no_role_by_a_late_appointment() -> None:
    async with scene() as built:
        owner, member = built.people["owner"], built.people["member"]
        rooms, room = built.service.rooms, built.private
        leaving = rooms.leave(member, room)
        appointing = rooms.appoint(owner, room, member.id, RoomRole.ADMIN)
        left, appointed = await gathered(leaving, appointing)
        assert left is None
        assert isinstance(appointed, ChatError) and appointed.code == "user.not_found"
        assert room.role(member.id) is None


async def test_a_user_who_became_owner_meanwhile_is_not_removed_by_an_admin() -> None:
    async with scene() as built:
        people, rooms, room = built.people, built.service.rooms, built.private
        member = people["member"].id
        appointing = rooms.appoint(people["owner"], room, member, RoomRole.OWNER)
        _, kicked = await gathered(appointing, rooms.kick(people["admin"], room, member))
        assert isinstance(kicked, ChatError) and kicked.code == "room.forbidden"
        assert room.role(member) is RoomRole.OWNER


async def test_name_and_topic_changed_at_the_same_time_both_hold() -> None:
    async with scene() as built:
        people, rooms, room = built.people, built.service.rooms, built.private
        await gathered(
            rooms.change(people["owner"], room, "new name", None),
            rooms.change(people["admin"], room, None, "new topic"),
        )
        assert room.description is not None
        assert (room.description.name, room.description.topic) == ("new name", "new topic")


async def gathered(*calls: Awaitable[object]) -> list[object]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def test_a_room_joined_on_another_node_is_listed_and_searched_at_once() -> None:
    store = MemoryStore()
    async with (
        running(make_service(store, config())) as first,
        running(make_service(store, config())) as second,
    ):
        owner, member = [await add_user(first, name) for name in ("owner", "member")]
        room = await first.rooms.create(owner, RoomKind.PRIVATE, "room")
        (known,) = await second.rooms.joined(owner)
        known.checked -= 60  # that was a while ago
        await first.rooms.invite(owner, room, member.id)
        (view,) = (await second.rooms.visible(member)).rooms
        assert view.joined and view.role is RoomRole.MEMBER
        found = await second.rooms.joined(member)
        assert [each.id for each in found] == [room.id]
        assert (await second.search.find(member, "nothing")).messages == []


async def test_who_may_write_holds_at_once_on_every_node() -> None:
    store = MemoryStore()
    async with (
        running(make_service(store, config())) as first,
        running(make_service(store, config())) as second,
    ):
        owner, member = [await add_user(first, name) for name in ("owner", "member")]
        room = await first.rooms.create(owner, RoomKind.PRIVATE, "room", members=[member.id])
        (there,) = await second.rooms.joined(member)
        await first.rooms.change(owner, room, None, None, Posting.MODERATORS)
        with pytest.raises(ChatError, match=r"room\.moderators_only"):
            await second.messages.post(member, there, "c1", "stale")
        await first.rooms.change(owner, room, None, None, Posting.EVERYONE)
        await until(lambda: Right.POST in rights(member, there))
        await second.messages.post(member, there, "c2", "again")


async def test_an_owner_who_is_none_any_more_does_not_open_a_room() -> None:
    async with scene() as built:
        rooms, room, owner = built.service.rooms, built.private, built.people["owner"]
        admin = built.people["admin"]
        await rooms.appoint(owner, room, admin.id, RoomRole.OWNER)
        _, opened = await gathered(
            rooms.appoint(owner, room, admin.id, RoomRole.ADMIN),
            rooms.change(admin, room, None, None, kind=RoomKind.PUBLIC),
        )
        assert isinstance(opened, ChatError) and opened.code == "room.forbidden"
        assert room.description is not None and room.description.kind is RoomKind.PRIVATE


async def test_a_room_that_becomes_private_is_lost_at_once_on_every_node() -> None:
    store = MemoryStore()
    async with (
        running(make_service(store, config())) as first,
        running(make_service(store, config())) as second,
    ):
        owner, member, other = [
            await add_user(first, name) for name in ("owner", "member", "other")
        ]
        room = await first.rooms.create(owner, RoomKind.PUBLIC, "room", members=[member.id])
        there = await second.rooms.get(room.id, other)
        assert Right.READ in rights(other, there)
        assert [view.id for view in (await first.rooms.visible(other)).rooms] == [room.id]
        await first.rooms.change(owner, room, None, None, kind=RoomKind.PRIVATE)
        assert (await first.rooms.visible(other)).rooms == []
        assert (await first.rooms.visible(other, text="room")).rooms == []
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await second.history.page(other, await second.rooms.get(room.id, other))
        await until(lambda: Right.READ not in rights(other, there))
        assert Right.POST in rights(member, there)
        await first.rooms.change(owner, room, None, None, kind=RoomKind.PUBLIC)
        assert [view.id for view in (await first.rooms.visible(other)).rooms] == [room.id]
        await until(lambda: Right.JOIN in rights(other, there))
