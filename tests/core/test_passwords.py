"""Passwords that others chose, and links for new ones: who may, once, in time, on any node, after any fault."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import pytest

from chatserver.errors import ChatError
from chatserver.hooks.actions import PasswordReset
from chatserver.hooks.types import AccountChange, LoginAttempt
from chatserver.model import ServerRole, User
from chatserver.service.login import resets
from chatserver.service.login.logins import SignedIn
from chatserver.service.login.steps import Challenged, Turn
from chatserver.service.rights import demand_over_account
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.loginmethods import CLIENT, Riddle, Second, Turns, answered, begun, nodes
from tests.core.nodes import NoPasswords

NEW = "a brand new password"


async def session_of(service: Service, username: str) -> str:
    _, token = await service.accounts.login(username, "x", "192.0.2.1", client=CLIENT)
    return token


async def challenged(service: Service, username: str = "ada") -> Turn:
    with pytest.raises(Challenged) as found:
        await service.accounts.login(username, "x", "192.0.2.1", client=CLIENT)
    return found.value.turn


def code_of(link: str) -> str:
    return link.partition("#reset=")[2]


async def at_password(service: Service, code: str) -> Turn:
    """The step behind a link that asks for the password."""
    turn = await answered(service, await begun(service, "reset"), code=code)
    assert isinstance(turn, Turn)
    return turn


async def test_somebody_who_must_change_chooses_before_there_is_a_session() -> None:
    async with nodes() as (service,):
        accounts = service.accounts
        ada = await accounts.add("ada", "x", must_change=True)
        turn = await challenged(service)
        assert turn.pending.method == "renewal"
        assert await accounts.list_sessions(ada.id, "", 9) == []
        done = await answered(service, turn, password=NEW)
        assert isinstance(done, SignedIn) and done.user.id == ada.id
        assert await session_of(service, "ada")


async def test_it_comes_after_every_method_and_after_every_other_challenge() -> None:
    async with nodes(Riddle(), Second()) as (service,):
        turn = await answered(service, await begun(service), name="guarded-later", word="sesame")
        assert isinstance(await answered(service, turn, word="open"), SignedIn)
        await service.accounts.passwords.set("guarded-later", "x", must_change=True)
        turn = await begun(service)
        second = await answered(service, turn, name="guarded-later", word="sesame")
        assert isinstance(second, Turn) and second.pending.method == "second"
        # Whoever knows the first password alone must not replace it.
        third = await answered(service, second, word="open")
        assert isinstance(third, Turn) and third.pending.method == "renewal"
        assert isinstance(await answered(service, third, password=NEW), SignedIn)


class Kept(NoPasswords):
    """Remembers passwords, and can be full."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.is_full = False

    async def set_password(self, user: str, password: str) -> None:
        if self.is_full:
            raise ChatError("limit.rate", after_ms=1000)
        self.passwords[user] = password

    async def is_password(self, user: str, password: str) -> bool:
        return self.passwords.get(user) == password

    async def list_sessions(self, user: str | None, after: str, limit: int) -> list[Any]:
        return []


async def test_the_password_that_was_given_is_no_new_one() -> None:
    async with nodes(authenticator=Kept()) as (service,):
        await service.accounts.add("ada", "given by the boss", must_change=True)
        turn = await challenged(service)
        with pytest.raises(ChatError) as refused:
            await answered(service, turn, password="given by the boss")
        assert refused.value.detail == {"field": "password", "reason": "same"}
        assert isinstance(await answered(service, turn, password=NEW), SignedIn)  # the same step


async def test_a_password_that_is_set_meanwhile_ends_the_step() -> None:
    async with nodes() as (service,):
        await service.accounts.add("ada", "x", must_change=True)
        turn = await challenged(service)
        await service.accounts.passwords.set("ada", "y")
        with pytest.raises(ChatError, match=r"auth\.flow"):
            await answered(service, turn, password=NEW)
        assert await session_of(service, "ada")  # nothing is to be changed any more


async def test_a_link_sets_a_password_once_and_ends_all_sessions() -> None:
    kept = Kept()
    async with nodes(authenticator=kept, count=2) as (one, two):
        ada = await one.accounts.add("ada", "x", must_change=True)
        made = await one.accounts.passwords.reset_link("ada")
        code = code_of(made.link)
        turn = await at_password(two, code)
        later = await at_password(one, code)
        done = await answered(one, turn, password=NEW)
        assert isinstance(done, SignedIn) and done.user.id == ada.id
        assert kept.passwords[ada.id] == NEW
        with pytest.raises(ChatError, match=r"auth\.refused"):
            await answered(two, later, password="another new password")
        assert kept.passwords[ada.id] == NEW
        again = await answered(two, await begun(two, "reset"), code=code)
        assert isinstance(again, Turn) and "not valid" in again.step.error
        assert await session_of(one, "ada")  # it need not be changed once more


async def test_of_many_at_once_one_uses_the_link() -> None:
    for seed in range(5):
        kept = Kept()
        async with nodes(authenticator=kept, count=2) as built:
            await built[0].accounts.add("ada", "x")
            code = code_of((await built[0].accounts.passwords.reset_link("ada")).link)
            turns = [await at_password(node, code) for node in (*built, *built)]
            for node in built:
                mixed = Turns(node.store, seed)
                node.accounts.passwords._resets._store = mixed  # type: ignore[assignment]
            found = await asyncio.gather(
                *(
                    answered(node, turn, password=f"{NEW} {number}")
                    for number, (node, turn) in enumerate(zip((*built, *built), turns, strict=True))
                ),
                return_exceptions=True,
            )
            assert sum(isinstance(each, SignedIn) for each in found) == 1, found


async def test_a_link_that_could_not_be_used_stays_valid() -> None:
    kept = Kept()
    async with nodes(authenticator=kept) as (service,):
        await service.accounts.add("ada", "x")
        turn = await at_password(
            service, code_of((await service.accounts.passwords.reset_link("ada")).link)
        )
        kept.is_full = True
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await answered(service, turn, password=NEW)
        kept.is_full = False
        assert isinstance(await answered(service, turn, password=NEW), SignedIn)


@pytest.mark.parametrize("end", ["time", "another link", "a new password", "a lock", "deletion"])
async def test_a_link_ends_with(end: str) -> None:
    async with nodes() as (service,):
        accounts = service.accounts
        await accounts.add("owner", "x")
        await accounts.add("ada", "x", role=ServerRole.MEMBER)
        code = code_of((await accounts.passwords.reset_link("ada", seconds=100)).link)
        turn = await at_password(service, code)
        if end == "time":
            accounts.passwords._resets._clock = lambda: time.time() + 101
        elif end == "another link":
            assert code_of((await accounts.passwords.reset_link("ada")).link) != code
        elif end == "a new password":
            await accounts.passwords.set("ada", "y")
        elif end == "a lock":
            await accounts.lock("ada", True)
        else:
            await service.removal.delete("ada")
        with pytest.raises(ChatError, match=r"auth\.(refused|flow)"):
            await answered(service, turn, password=NEW)
        again = await answered(service, await begun(service, "reset"), code=code)
        assert isinstance(again, Turn) and again.step.error


@pytest.mark.parametrize("code", ["", "x", ".", "u.x", "日本語", "x" * 5000, "\ud800.x"])
async def test_odd_codes_are_no_links(code: str) -> None:
    async with nodes() as (service,):
        assert await service.accounts.passwords.of_reset_code(code) is None


async def test_the_store_has_the_hash_of_a_link_alone_and_forgets_what_expired() -> None:
    async with nodes() as (service,):
        accounts = service.accounts
        await accounts.add("ada", "x")
        code = code_of((await accounts.passwords.reset_link("ada")).link)
        await at_password(service, code)
        secret = code.partition(".")[2]
        for space in ("reset", "login"):
            rows = await service.store.scan(space, "")
            assert rows and secret not in str(rows)
        await accounts.passwords.sweep_resets()
        assert await service.store.scan(resets.SPACE, "")
        accounts.passwords._resets._clock = lambda: time.time() + 86400 + 601
        await accounts.passwords.sweep_resets()
        assert await service.store.scan(resets.SPACE, "") == []


async def test_nobody_gets_a_link_to_a_locked_account_or_a_machine() -> None:
    async with nodes() as (service,):
        await service.accounts.add("owner", "x")
        await service.accounts.add("ada", "x", role=ServerRole.MEMBER)
        await service.accounts.lock("ada", True)
        bot = await service.accounts.bot("p/b", "robot", "Robot")
        for name, code in (
            ("ada", "user.forbidden"),
            (bot.username, "user.forbidden"),
            ("nobody", "user.not_found"),
        ):
            with pytest.raises(ChatError) as refused:
                await service.accounts.passwords.reset_link(name)
            assert refused.value.code == code


def test_an_admin_decides_for_members_and_an_owner_for_all_others() -> None:
    def somebody(role: ServerRole, name: str = "other", **fields: Any) -> User:
        return User(id=name, username=name, name=name, role=role, at="", **fields)

    allowed = set()
    for mine, theirs in product(ServerRole, ServerRole):
        try:
            demand_over_account(somebody(mine, "me"), somebody(theirs))
        except ChatError as error:
            assert error.code == "user.forbidden"
        else:
            allowed.add((mine.value, theirs.value))
    assert allowed == {
        *(("owner", each.value) for each in ServerRole),
        ("admin", "member"),
        ("admin", "guest"),
    }
    me = somebody(ServerRole.OWNER, "me")
    with pytest.raises(ChatError):  # a change of one's own needs the present password
        demand_over_account(me, me)
    with pytest.raises(ChatError):
        demand_over_account(
            somebody(ServerRole.OWNER, "me", disabled=True), somebody(ServerRole.GUEST)
        )


async def test_staff_confirms_before_it_decides_on_a_password() -> None:
    async with nodes() as (service,):
        owner, token = await service.accounts.register("owner", "x", client=CLIENT)
        await service.accounts.add("ada", "x", role=ServerRole.MEMBER)
        staff = service.staff
        assert (await staff.set_password(owner, token, "ada", "y")).username == "ada"
        service.accounts.sessions._clock = lambda: time.time() + 601
        for refused in (
            staff.set_password(owner, token, "ada", "y"),
            staff.reset_link(owner, token, "ada"),
            staff.reset_link(owner, None, "ada"),
        ):
            with pytest.raises(ChatError, match=r"auth\.confirm"):
                await refused


async def test_plugins_are_told_of_links_and_of_their_use(monkeypatch: pytest.MonkeyPatch) -> None:
    async with nodes() as (service,):
        told: list[AccountChange] = []
        monkeypatch.setattr(service.hooks, "on_account", told.append)
        asked: list[object] = []
        real = service.hooks.allow

        async def allow(action: Any, *given: Any, **named: Any) -> Any:
            asked.append(action)
            return await real(action, *given, **named)

        monkeypatch.setattr(service.hooks, "allow", allow)
        owner, token = await service.accounts.register("owner", "x", client=CLIENT)
        ada = await service.staff.add(owner, "ada", "x", "Ada", address="192.0.2.9")
        assert (
            ada.role is ServerRole.MEMBER
            and await service.accounts.passwords.renewals.is_demanded(ada.id)
        )
        made = await service.staff.reset_link(owner, token, "ada", "192.0.2.9")
        turn = await at_password(service, code_of(made.link))
        assert isinstance(await answered(service, turn, password=NEW), SignedIn)
        assert PasswordReset(account=ada.id, by_link=True) in asked
        of_ada = [
            (each.what, each.by.user, each.by.address) for each in told if each.user == ada.id
        ]
        assert of_ada == [
            ("added", owner.id, "192.0.2.9"),
            ("reset_link", owner.id, "192.0.2.9"),
            ("password_reset", ada.id, CLIENT.address),
        ]
        assert code_of(made.link) not in str(told)


class InTurn(NoPasswords):
    """Says at each call whether it is somebody's turn; with `is_full` nobody gets one."""

    def __init__(self) -> None:
        self.is_full, self.has_turn = False, False
        self.calls: list[tuple[str, bool]] = []
        self.addresses: list[str] = []

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        self.addresses.append(address)
        if self.is_full:
            raise ChatError("limit.rate", after_ms=70)
        self.has_turn = True
        yield
        self.has_turn = False

    async def set_password(self, user: str, password: str) -> None:
        self.calls.append(("set", self.has_turn))

    async def verify(self, *given: Any, **more: Any) -> bool:
        self.calls.append(("verify", self.has_turn))
        return await super().verify(*given, **more)


class Reads(MemoryStore):
    count = 0

    async def get(self, space: str, key: str) -> bytes | None:
        self.count += 1
        return await super().get(space, key)


async def test_whoever_signs_in_or_registers_does_so_in_turn_and_is_refused_before_any_read() -> (
    None
):
    authenticator, store = InTurn(), Reads()
    async with nodes(authenticator=authenticator, store=store) as (service,):
        accounts = service.accounts
        await accounts.register("ada", "a long password", address="192.0.2.1")
        await session_of(service, "ada")
        assert authenticator.calls == [("set", True), ("verify", True)]
        assert not authenticator.has_turn
        authenticator.is_full = True
        before, attempts = store.count, list[object]()
        service.hooks.on_login = attempts.append  # type: ignore[method-assign]
        for sign_in in (
            accounts.login("ada", "x", "192.0.2.2"),
            accounts.register("bob", "a long password", address="192.0.2.2"),
        ):
            with pytest.raises(ChatError) as refused:
                await sign_in
            assert (refused.value.code, refused.value.after_ms) == ("limit.rate", 70)
        assert store.count == before
        assert authenticator.addresses[0] == "192.0.2.1"
        assert authenticator.addresses[-2:] == ["192.0.2.2"] * 2
        assert attempts == [
            LoginAttempt(user=None, address="192.0.2.2", ok=False, outcome="limited", times=1)
        ]
        assert authenticator.calls == [("set", True), ("verify", True)]
