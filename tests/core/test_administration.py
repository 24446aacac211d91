"""Operators change accounts (roles, locks, names, deletion), and plugins are told of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.guard import Call
from chatserver.hooks.records import Space
from chatserver.hooks.types import AccountChange, Actor, LoginAttempt
from chatserver.model import RoomKind, RoomRole, ServerRole, User, UserRef
from chatserver.service import removal
from chatserver.service.attempts import Attempts
from chatserver.service.directory import USERS
from chatserver.service.owners import KEY, SPACE, Owners
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.password import PasswordPlugin
from tests.core.clients import Reader
from tests.core.nodes import FaultyStore, config, make_service, running

PASSWORD = "a good long password"
ROOT = Actor(operator="root")


class Told:
    """A plugin that records the notices it gets."""

    def __init__(self) -> None:
        self.changes: list[AccountChange] = []
        self.attempts: list[LoginAttempt] = []

    async def on_account(self, change: AccountChange) -> None:
        self.changes.append(change)

    async def on_login(self, attempt: LoginAttempt) -> None:
        self.attempts.append(attempt)

    def node(self, store: Any) -> Service:
        settings = PasswordPlugin.Config(memory_kib=8, passes=1, sessions_per_user=2)
        authenticator = PasswordPlugin(settings).provide_authenticator(
            Space(store, "plugin/password")
        )
        calls = {
            "on_account": [Call("told", self.on_account, ("change",))],
            "on_login": [Call("told", self.on_login, ("attempt",))],
        }
        service = make_service(store, config(), calls, authenticator)
        sessions: Any = authenticator
        sessions._sessions.ending = service.accounts.sessions_end  # as the plugin does at its start
        return service


@asynccontextmanager
async def told(store: Any) -> AsyncIterator[tuple[Service, Told]]:
    heard = Told()
    async with running(heard.node(store)) as service:
        yield service, heard


async def code_of(work: Any) -> str:
    with pytest.raises(ChatError) as refused:
        await work
    return refused.value.code


async def two_owners(service: Service) -> None:
    await service.accounts.add("ada", PASSWORD)
    await service.accounts.add("bob", PASSWORD, role=ServerRole.OWNER)


async def test_the_last_owner_stays_one() -> None:
    async with told(MemoryStore()) as (service, _):
        accounts = service.accounts
        await accounts.add("ada", PASSWORD)
        await accounts.add("bob", PASSWORD)
        for work in (
            accounts.set_role("ada", ServerRole.ADMIN),
            accounts.lock("ada", True),
            accounts.retire("ada"),
        ):
            assert await code_of(work) == "user.last_owner"
        await accounts.set_role("bob", ServerRole.OWNER)
        assert (await accounts.set_role("ada", ServerRole.ADMIN)).role is ServerRole.ADMIN
        assert await code_of(accounts.set_role("bob", ServerRole.GUEST)) == "user.last_owner"


async def test_a_locked_out_owner_does_not_count_as_a_remaining_owner() -> None:
    async with told(MemoryStore()) as (service, _):
        await two_owners(service)
        await service.accounts.lock("bob", True)
        demoted = service.accounts.set_role("ada", ServerRole.MEMBER)
        assert await code_of(demoted) == "user.last_owner"
        await service.accounts.set_role("bob", ServerRole.MEMBER)  # is none that counts


@pytest.mark.parametrize("round_", range(20))
async def test_two_owners_who_are_demoted_at_once_on_two_nodes_leave_one(round_: int) -> None:
    store = MemoryStore()
    late = [("late", 0.001 * (round_ % 4))] * 40
    here, there = (make_service(FaultyStore(store, late), config()) for _ in range(2))
    await here.accounts.add("ada", PASSWORD)
    await here.accounts.add("bob", PASSWORD, role=ServerRole.OWNER)
    answers = await asyncio.gather(
        here.accounts.set_role("ada", ServerRole.MEMBER),
        there.accounts.lock("bob", True),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, ChatError)]
    assert [error.code for error in refused] == ["user.last_owner"]
    left = [each for each in await here.accounts.list() if each.role is ServerRole.OWNER]
    assert sum(not each.disabled for each in left) == 1


async def test_a_turn_that_a_crash_left_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.service.owners.STALE_SECONDS", 0.2)
    store = MemoryStore()
    async with told(store) as (service, _):
        await two_owners(service)
        await store.put("founding", "turn", b"of a process that is gone")
        await service.accounts.set_role("ada", ServerRole.MEMBER)
        owners = Owners(store)
        with pytest.raises(ChatError, match=r"user\.last_owner"):
            async with owners.without("nobody"), owners.without(""):
                pass  # the second turn is taken from the first, which is too slow
            await service.accounts.lock("bob", True)


async def test_a_session_that_makes_room_ends_its_connections_on_other_nodes() -> None:
    store = MemoryStore()
    async with told(store) as (here, _), told(store) as (there, _):
        sessions = [(await here.accounts.register("ada", PASSWORD))[1]]
        sessions.append((await here.accounts.login("ada", PASSWORD, "192.0.2.1"))[1])
        pipes = []
        for session in sessions:
            reader = Reader(there, await there.accounts.session(session))
            there.connections.sign_in(reader.subscriber, reader.user, session)
            pipes.append(reader.pipe)
        await here.accounts.login("ada", PASSWORD, "192.0.2.1")
        assert await pipes[0].end() == 4451
        assert pipes[1].closed is None


async def test_renaming_frees_the_old_name_and_keeps_the_account() -> None:
    store = MemoryStore()
    async with told(store) as (service, _):
        accounts = service.accounts
        ada = await accounts.add("ada", PASSWORD)
        await accounts.add("bob", PASSWORD)
        assert await code_of(accounts.rename("ada", "BOB")) == "user.exists"
        renamed = await accounts.rename("ada", "Lovelace")
        assert (renamed.id, renamed.username, renamed.name) == (ada.id, "lovelace", "Lovelace")
        assert await accounts.by_name("ada") is None
        shown = await accounts.rename("lovelace", name="Ada L")
        assert (shown.username, shown.name) == ("lovelace", "Ada L")
        assert (await accounts.rename("lovelace", "ada")).name == "Ada L"
        assert (await accounts.login("ada", PASSWORD, "192.0.2.1"))[0].id == ada.id
        assert {key for key, _ in await store.scan("username", "")} == {"ada", "bob"}
        assert await code_of(accounts.rename("ada", "not a name")) == "request.invalid"


@pytest.mark.parametrize("done", ["before", "after"])
async def test_a_renaming_that_was_interrupted_is_finished_by_another(done: str) -> None:
    for calls in range(40):
        store = MemoryStore()
        healthy = make_service(store, config())
        ada = await healthy.accounts.add("ada", PASSWORD)
        faults = [("late", 0.0)] * calls + [(done, 0.0)] * 20
        try:
            await make_service(FaultyStore(store, faults), config()).accounts.rename("ada", "eva")
        except StoreUnavailable:
            pass
        else:
            return
        accounts = make_service(store, config()).accounts
        known_as = "ada" if await accounts.by_name("ada") else "eva"
        assert (await accounts.rename(known_as, "eva")).id == ada.id
        assert {key for key, _ in await store.scan("username", "")} == {"eva"}
    raise AssertionError("there is no end to it")


async def test_a_deleted_account_is_a_shell_without_anything_of_its_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
    store = MemoryStore()
    async with told(store) as (service, _), told(store) as (other, _):
        accounts = service.accounts
        owner, _ = await accounts.register("root", PASSWORD)
        ada, token = await accounts.register("ada", PASSWORD, "Ada Lovelace", "192.0.2.1")
        await accounts.login("ada", PASSWORD, "192.0.2.1", await accounts.remember_device(ada))
        shared = await service.rooms.create(owner, RoomKind.PRIVATE, "shared", members=[ada.id])
        own = await service.rooms.create(ada, RoomKind.PRIVATE, "own", members=[owner.id])
        event, _ = await service.messages.post(ada, shared, "c1", "hello")
        await service.rooms.mark_read(ada, shared, event.seq)
        gone = await other.removal.delete("Ada", ROOT)
        assert (gone.id, gone.name, gone.disabled, gone.deleted) == (
            ada.id,
            "deleted user",
            True,
            True,
        )
        await other.removal.settle()
        await service.changes.look()
        assert (await other.accounts.get_many([ada.id]))[ada.id] == gone
        assert await code_of(other.accounts.session(token)) == "auth.invalid"
        assert await code_of(accounts.login("ada", PASSWORD, "192.0.2.1")) == "auth.invalid"
        for space in await store.spaces():
            if space in ("changed", "user", "erasure"):  # which have the id alone
                continue
            for key, value in await store.scan(space, ""):
                is_hash = key == f"password/{ada.id}"  # of a password that nobody knows
                assert is_hash or (ada.id not in key and ada.id.encode() not in value), (space, key)
        page = await service.history.page(owner, shared)
        assert [(each.author, each.body) for each in page.messages] == [
            (UserRef(ada.id, ""), "hello")
        ]
        assert (await other.rooms.get(shared.id, owner)).role(ada.id) is None
        # Nobody else could administer it.
        assert (await other.rooms.get(own.id, owner)).role(ada.id) is RoomRole.OWNER
        assert (await accounts.add("ada", PASSWORD)).id != ada.id
        assert await code_of(service.removal.delete("root")) == "user.last_owner"


@pytest.mark.parametrize("done", ["before", "after"])
async def test_a_deletion_that_was_interrupted_is_finished_by_another(done: str) -> None:
    for calls in range(0, 60, 2):
        store = MemoryStore()
        healthy = make_service(store, config())
        ada = await healthy.accounts.add("ada", PASSWORD, role=ServerRole.MEMBER)
        await healthy.rooms.create(ada, RoomKind.PUBLIC, "room")
        faults = [("late", 0.0)] * calls + [(done, 0.0)] * 50
        faulty = make_service(FaultyStore(store, faults), config())
        try:
            await faulty.removal.delete("ada")
        except StoreUnavailable:
            pass
        else:
            return
        finally:
            await faulty.removal.stop()
            await faulty.log.drain()
            await faulty.outage.stop()
        other = make_service(store, config())
        if await other.accounts.by_name("ada") is not None:
            assert (await other.removal.delete("ada")).id == ada.id
            await other.removal.stop()
            await other.log.drain()
        assert await other.accounts.by_name("ada") is None
        assert (await other.accounts.get(ada.id)).deleted
    raise AssertionError("there is no end to it")


async def test_plugins_are_told_of_every_change_of_an_account() -> None:
    async with told(MemoryStore()) as (service, heard):
        accounts, removal = service.accounts, service.removal
        owner, _ = await accounts.register("root", PASSWORD, address="192.0.2.1")
        ada = await accounts.add("ada", PASSWORD, by=ROOT)
        _, token = await accounts.login("ada", PASSWORD, "192.0.2.2")
        await accounts.logout(token, "192.0.2.2")
        await accounts.set_role("ada", ServerRole.ADMIN, ROOT)
        await accounts.passwords.set("ada", PASSWORD + "!", ROOT)
        await accounts.set_disabled(owner, "ada", True, "192.0.2.1")
        await accounts.lock("ada", False, ROOT)
        await accounts.rename("ada", "eva", by=ROOT)
        await accounts.sessions_end(ada.id)
        await removal.delete("eva", ROOT)
        for refused in (accounts.set_role("root", ServerRole.GUEST), accounts.lock("none", True)):
            await code_of(refused)
        await service.hooks.shutdown()
        by_owner = Actor(user=owner.id, address="192.0.2.1")
        member, admin = ServerRole.MEMBER, ServerRole.ADMIN
        assert heard.changes == [
            AccountChange(what="registered", user=owner.id, by=by_owner, role=ServerRole.OWNER),
            AccountChange(what="added", user=ada.id, by=ROOT, role=member),
            AccountChange(
                what="signed_out", user=ada.id, by=Actor(user=ada.id, address="192.0.2.2")
            ),
            AccountChange(what="role", user=ada.id, by=ROOT, role=admin, was=member),
            AccountChange(what="password", user=ada.id, by=ROOT),
            AccountChange(what="locked", user=ada.id, by=by_owner),
            AccountChange(what="unlocked", user=ada.id, by=ROOT),
            AccountChange(what="renamed", user=ada.id, by=ROOT),
            AccountChange(what="sessions_ended", user=ada.id, by=Actor()),
            AccountChange(what="deleted", user=ada.id, by=ROOT),
        ]


async def test_plugins_are_told_how_each_attempt_to_sign_in_ended() -> None:
    async with told(MemoryStore()) as (service, heard):
        accounts = service.accounts
        await accounts.register("root", PASSWORD)
        ada = await accounts.add("ada", PASSWORD)

        async def sign_in(name: str, password: str = PASSWORD) -> User | None:
            try:
                return (await accounts.login(name, password, "192.0.2.2"))[0]
            except ChatError:
                return None

        assert await sign_in("ada") is not None
        await sign_in("ada", "wrong")
        await sign_in("ada", "x" * 2000)
        await sign_in("nobody")
        await accounts.lock("ada", True)
        await sign_in("ada")
        for _ in range(30):
            await sign_in("ada", "wrong")
        await service.hooks.shutdown()
        assert [(each.user, each.ok, each.outcome) for each in heard.attempts] == [
            (ada.id, True, "ok"),
            (ada.id, False, "wrong"),
            (ada.id, False, "wrong"),
            (None, False, "wrong"),
            (ada.id, False, "locked"),
            *[(ada.id, False, "wrong")] * 10,
            (ada.id, False, "limited"),
        ]
        assert {each.address for each in heard.attempts} == {"192.0.2.2"}


async def test_refused_attempts_are_told_once_a_minute_with_their_number() -> None:
    heard, now = list[LoginAttempt](), [0.0]

    class Hooks:
        def on_login(self, attempt: LoginAttempt) -> None:
            heard.append(attempt)

    hooks: Any = Hooks()
    attempts = Attempts(hooks, lambda: now[0])
    for second in range(150):
        now[0] = float(second)
        attempts.tell_limited("ada", "u1", "192.0.2.1")
        attempts.tell_limited("ada", "u1", f"2001:db8::{second:x}")
    assert [each.times for each in heard] == [1, 1, 60, 60, 60, 60]
    assert all(each.outcome == "limited" and not each.ok for each in heard)


async def test_a_search_for_another_owner_that_takes_too_long_loses_the_turn() -> None:
    """Two processes at a time would each find the other owner, and take both away."""
    other = b"of another process"

    class Slow(MemoryStore):
        async def scan(self, *given: Any, **named: Any) -> Any:
            found = await super().scan(*given, **named)
            await self.put(SPACE, KEY, other)
            return found

    store = Slow()
    owner = User(id="ada", username="ada", name="Ada", role=ServerRole.OWNER, at="")
    await store.add(USERS, owner.id, msgspec.json.encode(owner))
    with pytest.raises(StoreUnavailable):
        async with Owners(store).without("bob"):
            raise AssertionError("it is another process's turn")
    assert await store.get(SPACE, KEY) == other
