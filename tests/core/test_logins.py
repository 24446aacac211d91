"""Signing in by steps: each answer counts once, in the client that began, in time, on any node."""

import asyncio
import time
from typing import Any

import msgspec
import pytest

from chatserver.copies.archive.transient import is_transient
from chatserver.errors import ChatError
from chatserver.hooks.login import Identity, LoginClient, LoginDone, LoginFlow, LoginForm
from chatserver.hooks.types import LoginAttempt
from chatserver.model import ServerRole
from chatserver.service.login import failures, flows
from chatserver.service.login.logins import Finished, SignedIn
from chatserver.service.login.steps import Challenged, Turn
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.loginmethods import (
    CLIENT,
    WORD,
    Elsewhere,
    Riddle,
    Second,
    Turns,
    answered,
    begun,
    nodes,
    signed_in,
)
from tests.core.nodes import FaultyStore, NoPasswords, stop_clocks

FLOW = r"auth\.flow"
RIGHT = {"name": "ada", "word": "sesame"}


def set_clock(service: Service, ahead: float) -> None:
    """Let a node's clock for sign-ins be ahead."""
    service.logins._steps.flows._clock = lambda: time.time() + ahead
    service.logins._steps._failures._clock = lambda: time.time() + ahead


async def kept(service: Service) -> str:
    """Everything that the store has of pending sign-ins."""
    rows = await service.store.scan(flows.SPACE, "")
    return " ".join(f"{key} {value.decode()}" for key, value in rows)


async def test_the_first_sign_in_makes_an_account_and_the_next_finds_it() -> None:
    async with nodes(Riddle()) as (service,):
        user, token = await signed_in(service)
        assert (user.username, user.name, user.role) == ("ada", "ada", ServerRole.OWNER)
        assert await service.accounts.session(token) == user
        again, _ = await signed_in(service)
        assert again.id == user.id
        other, _ = await signed_in(service, "bob")
        assert other.id != user.id and other.role is ServerRole.MEMBER
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await service.accounts.login("ada", "x" * 2000, "192.0.2.1")


async def test_another_node_continues_and_the_method_finds_what_it_kept() -> None:
    riddle = Riddle()
    async with nodes(riddle, count=2) as (one, two):
        turn = await begun(one)
        again = await answered(two, turn, name="ada", word="no")
        assert isinstance(again, Turn) and again.flow != turn.flow
        assert isinstance(await answered(one, again, **RIGHT), SignedIn)
        assert [flow.kept for flow in riddle.flows] == [{}, {"asked": 1}, {"asked": 2}]
        # The answer to a step comes under the id that the method was told.
        assert [flow.state for flow in riddle.flows[:2]] == [turn.flow, again.flow]


async def test_an_answer_counts_once() -> None:
    async with nodes(Riddle()) as (service,):
        turn = await begun(service)
        assert isinstance(await answered(service, turn, **RIGHT), SignedIn)
        with pytest.raises(ChatError, match=FLOW):
            await answered(service, turn, **RIGHT)
        turn = await begun(service)
        await answered(service, turn, name="ada", word="no")
        with pytest.raises(ChatError, match=FLOW):
            await answered(service, turn, **RIGHT)


async def test_of_two_answers_at_once_on_two_nodes_one_counts() -> None:
    riddle = Riddle()
    async with nodes(riddle, count=2, store=Turns(MemoryStore())) as services:
        for _ in range(20):
            turn = await begun(services[0])
            found = await asyncio.gather(
                *(answered(service, turn, **RIGHT) for service in services),
                return_exceptions=True,
            )
            refused = [each for each in found if isinstance(each, ChatError)]
            assert [each.code for each in refused] == ["auth.flow"]
    assert len(riddle.flows) == 40, "the method saw each answer once"


async def test_somebody_elses_unknown_and_expired_sign_ins_get_the_same_answer() -> None:
    async with nodes(Riddle()) as (service,):
        turn = await begun(service)
        errors = []
        for flow, secret in (
            ("unknown", turn.secret),
            (turn.flow, "stolen"),
            (turn.flow, ""),
            ("日本\ud800", ""),
        ):
            for asked in (
                service.logins.proceed(flow, secret, RIGHT, CLIENT),
                service.logins.look(flow, secret),
            ):
                with pytest.raises(ChatError) as caught:
                    await asked
                errors.append(caught.value)
        # What a stranger tried took nothing away.
        assert (await service.logins.look(turn.flow, turn.secret)).step == turn.step
        set_clock(service, flows.FLOW_SECONDS + 1)
        with pytest.raises(ChatError) as caught:
            await answered(service, turn, **RIGHT)
        errors.append(caught.value)
        assert {(error.code, error.text, str(error.detail)) for error in errors} == {
            ("auth.flow", errors[0].text, "{}")
        }


async def test_the_store_has_neither_ids_nor_secrets_nor_names_that_were_typed() -> None:
    async with nodes(Riddle()) as (service,):
        turn = await begun(service)
        turn = await answered(service, turn, name="topsecret", word="hunter2")
        rows = await kept(service)
        assert "asked" in rows
        for text in (turn.flow, turn.secret, "topsecret", "hunter2"):
            assert text not in rows
        assert msgspec.json.encode(turn.step).find(b"asked") < 0
        for key, _ in await service.store.scan(flows.SPACE, ""):
            assert is_transient(flows.SPACE, key)


async def test_expired_sign_ins_are_swept_and_pending_ones_stay() -> None:
    async with nodes(Riddle()) as (service,):
        user = await service.accounts.add("anna", "a long password")
        await service.accounts.passwords.set("anna", "another password")
        assert await service.logins._steps.flows.epoch(user.id)
        turn = await begun(service)
        await answered(service, await begun(service), name="ada", word="no")
        await service.logins.sweep()
        assert (await service.logins.look(turn.flow, turn.secret)).step == turn.step
        set_clock(service, 3 * failures.LONGEST_SECONDS)
        await service.logins.sweep()
        assert await kept(service) == ""


async def test_one_address_may_begin_so_many() -> None:
    async with nodes(Riddle(), **{"limits.logins_pending": 3}) as (service,):
        for _ in range(3):
            await begun(service)
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await begun(service)
        await begun(service, client=LoginClient(address="192.0.2.9"))


async def test_wrong_answers_have_to_wait_longer_and_longer_on_every_node() -> None:
    async with nodes(Riddle(), count=2) as (one, two):
        for number in range(failures.FREE):
            service = (one, two)[number % 2]
            await answered(service, await begun(service), name="ada", word="no")
        turn = await begun(two)
        with pytest.raises(ChatError, match=r"limit\.rate") as caught:
            await answered(two, turn, **RIGHT)
        assert caught.value.after_ms
        # Names that do not exist are limited in the same way, and others not at all.
        assert isinstance(
            await answered(two, await begun(two), name="bob", word="sesame"), SignedIn
        )
        set_clock(two, 2.0)
        assert isinstance(await answered(two, turn, **RIGHT), SignedIn)
        assert isinstance(await answered(two, await begun(two), name="ada", word="no"), Turn)


async def test_one_address_may_fail_only_so_often() -> None:
    async with nodes(Riddle()) as (service,):
        for number in range(50):
            await answered(service, await begun(service), name=f"user{number}", word="no")
        turn = await begun(service)
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await answered(service, turn, **RIGHT)


async def test_a_guess_counts_before_it_is_checked_on_all_nodes() -> None:
    async with nodes(Riddle(), count=2, store=Turns(MemoryStore())) as services:
        turns = [await begun(services[0]) for _ in range(30)]
        found = await asyncio.gather(
            *(
                answered(services[number % 2], turn, name="ada", word="no")
                for number, turn in enumerate(turns)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(each, Turn) for each in found) == failures.FREE


async def test_a_sign_in_has_a_last_step() -> None:
    async with nodes(Riddle()) as (service,):
        turn: Any = await begun(service)
        for number in range(flows.STEPS_MOST - 1):
            turn = await answered(service, turn, name=f"user{number}", word="no")
        with pytest.raises(ChatError, match=FLOW):
            await answered(service, turn, name="ada", word="no")


async def test_a_missing_answer_can_be_given_again() -> None:
    async with nodes(Riddle()) as (service,):
        turn = await begun(service)
        for answer in ({}, {"name": "ada"}, {"word": "sesame", "name": ""}):
            with pytest.raises(ChatError, match=r"request\.invalid"):
                await answered(service, turn, **answer)
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await answered(service, turn, name="ada", word="x" * 40000)
        assert isinstance(await answered(service, turn, **RIGHT), SignedIn)


async def test_an_answer_that_nobody_judged_can_be_given_again_and_is_no_failure() -> None:
    riddle = Riddle()
    inner, fails = riddle.method.proceed, [True] * (failures.FREE + 5)

    async def proceed(flow: Any, answer: Any) -> Any:
        if fails:
            fails.pop()
            raise ChatError("plugin.failed")
        return await inner(flow, answer)

    riddle.method = msgspec.structs.replace(riddle.method, proceed=proceed)
    async with nodes(riddle) as (service,):
        turn = await begun(service)
        while fails:
            with pytest.raises(ChatError, match=r"plugin\.failed"):
                await answered(service, turn, **RIGHT)
        assert isinstance(await answered(service, turn, **RIGHT), SignedIn)


async def test_a_method_gets_only_what_it_asked_for() -> None:
    riddle, answers = Riddle(), []
    inner = riddle.method.proceed

    async def proceed(flow: Any, answer: Any) -> Any:
        answers.append(dict(answer))
        return await inner(flow, answer)

    riddle.method = msgspec.structs.replace(riddle.method, proceed=proceed)
    async with nodes(riddle) as (service,):
        await answered(service, await begun(service), **RIGHT, role="owner")
    assert answers == [RIGHT]


async def test_a_challenge_cannot_be_begun_and_unknown_methods_cannot_either() -> None:
    async with nodes(Riddle(), Second()) as (service,):
        for name in ("second", "unknown", ""):
            with pytest.raises(ChatError, match=r"request\.invalid"):
                await begun(service, name)
        assert [each.name for each in service.logins.listed()] == ["password", "riddle"]


@pytest.mark.parametrize(
    "back",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "", "evil", "/a b", "/\t/evil",
     "/#login=x", "/é", "/" + "x" * 600, "javascript:alert(1)", "/\r\nSet-Cookie: a=b"],
)  # fmt: skip
async def test_a_sign_in_ends_in_this_server(back: str) -> None:
    async with nodes(Elsewhere()) as (service,):
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await begun(service, "elsewhere", back=back)
        await begun(service, "elsewhere", back="/somewhere?a=b")


async def test_a_browser_comes_back_with_its_secret_alone() -> None:
    async with nodes(Elsewhere(), Riddle()) as (service,):
        turn = await begun(service, "elsewhere", back="/here")
        query = {"state": turn.flow, "code": "ada"}
        for secret in ("", "another"):
            with pytest.raises(ChatError, match=FLOW):
                await service.logins.come_back(secret, query, CLIENT)
        found, back = await service.logins.come_back(turn.secret, query, CLIENT)
        assert isinstance(found, SignedIn) and back == "/here"
        with pytest.raises(ChatError, match=FLOW):
            await service.logins.come_back(turn.secret, query, CLIENT)
        # A form is not answered by a link.
        form = await begun(service)
        with pytest.raises(ChatError, match=FLOW):
            await service.logins.come_back(form.secret, {"state": form.flow, **RIGHT}, CLIENT)


async def test_a_refusal_elsewhere_is_shown_once_to_the_browser_that_came_back() -> None:
    async with nodes(Elsewhere()) as (service,):
        turn = await begun(service, "elsewhere")
        query = {"state": turn.flow, "error": "access_denied"}
        ended, _ = await service.logins.come_back(turn.secret, query, CLIENT)
        assert isinstance(ended, str)
        with pytest.raises(ChatError, match=FLOW):
            await service.logins.look(ended, "another")
        with pytest.raises(ChatError, match="Denied there"):
            await service.logins.look(ended, turn.secret)
        with pytest.raises(ChatError, match=FLOW):
            await service.logins.look(ended, turn.secret)


class Watched(MemoryStore):
    """Notes each call with its record space."""

    calls: list[tuple[str, object]]

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in ("get", "put", "add", "swap", "delete", "scan", "get_many"):
            self.calls.append((name, None))
        return found


class NeverRight(NoPasswords):
    async def verify(self, user: str | None, password: str, **_: Any) -> bool:
        return False


async def test_names_that_exist_and_others_cost_the_same_calls_of_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop_clocks(monkeypatch)
    store = Watched()
    store.calls = []
    async with nodes(store=store, authenticator=NeverRight()) as (service,):
        await service.accounts.add("known", "a long password")
        costs = []
        for name in ("known", "other"):
            store.calls.clear()
            with pytest.raises(ChatError, match=r"auth\.invalid"):
                await service.accounts.login(name, "wrong", "192.0.2.1")
            costs.append(list(store.calls))
        for name in ("known", "other"):
            turn = await begun(service, "password")
            store.calls.clear()
            again = await answered(service, turn, username=name, password="wrong")
            assert again.step.error == "The credentials are not valid."
            costs.append(list(store.calls))
        assert costs[0] == costs[1] and costs[2] == costs[3]


# -- challenges --------------------------------------------------------------------------------------


async def challenged(service: Service, name: str = "guarded") -> Turn:
    with pytest.raises(Challenged) as caught:
        await service.accounts.login(name, "a long password", "192.0.2.1")
    return caught.value.turn


async def sessions(service: Service) -> int:
    return len(await service.store.scan("session", ""))


async def test_the_password_alone_opens_no_session_where_a_second_step_is_demanded() -> None:
    async with nodes(Second(), Riddle()) as (service,):
        user = await service.accounts.add("guarded", "a long password")
        turn = await challenged(service)
        assert turn.pending.user == user.id and await sessions(service) == 0
        again = await answered(service, turn, word="no")
        assert isinstance(again, Turn) and await sessions(service) == 0
        found = await answered(service, again, word="open")
        assert isinstance(found, SignedIn) and found.user == user
        assert await sessions(service) == 1
        with pytest.raises(ChatError, match=FLOW):
            await answered(service, again, word="open")
        # By any other method as well.
        other = await begun(service)
        second = await answered(service, other, name="guarded-too", word="sesame")
        assert isinstance(second, Turn) and second.pending.method == "second"
        assert await sessions(service) == 1
        assert isinstance(await answered(service, second, word="open"), SignedIn)


async def test_an_account_that_is_made_passes_the_challenge_too() -> None:
    async with nodes(Second()) as (service,):
        with pytest.raises(Challenged) as caught:
            await service.accounts.register("guarded", "a long password")
        assert await sessions(service) == 0
        found = await answered(service, caught.value.turn, word="open")
        assert found.user.username == "guarded"


async def test_nobody_is_signed_in_while_it_is_unknown_whether_a_challenge_is_demanded() -> None:
    second = Second()
    async with nodes(second) as (service,):
        await service.accounts.add("guarded", "a long password")
        second.fails = True
        with pytest.raises(RuntimeError):
            await service.accounts.login("guarded", "a long password", "192.0.2.1")
        assert await sessions(service) == 0


async def test_a_strong_identity_needs_no_second_step() -> None:
    riddle = Riddle()
    riddle.identity = {"is_strong": True}
    async with nodes(Second(), riddle) as (service,):
        assert (await signed_in(service, "guarded")).user.username == "guarded"


async def test_of_one_group_one_challenge_is_enough_and_of_two_groups_both_are_needed() -> None:
    methods = Second("code", "c"), Second("key", "k"), Second("terms", "t", group="terms")
    async with nodes(*methods) as (service,):
        await service.accounts.add("guarded", "a long password")
        turn: Any = await challenged(service)
        assert (turn.pending.method, turn.alternatives) == ("code", ["code", "key"])
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await service.logins.switch(turn.flow, turn.secret, "terms", CLIENT)
        with pytest.raises(ChatError, match=FLOW):
            await service.logins.switch(turn.flow, "another", "key", CLIENT)
        switched: Any = await service.logins.switch(turn.flow, turn.secret, "key", CLIENT)
        with pytest.raises(ChatError, match=FLOW):
            await answered(service, turn, word="c")
        turn = await answered(service, switched, word="k")
        assert (turn.pending.method, turn.alternatives) == ("terms", [])
        assert await sessions(service) == 0
        assert isinstance(await answered(service, turn, word="t"), SignedIn)


class Halfway(Second):
    """Asks twice, and takes anything the first time."""

    async def proceed(self, flow: LoginFlow, answer: Any) -> Any:
        if flow.kept:
            return await super().proceed(flow, answer)
        return LoginForm(fields=(WORD,), keep={"half": True})


async def test_neither_a_step_on_the_way_nor_another_method_forgives_guesses() -> None:
    terms, code, half = Second("terms", "t", group="terms"), Second("code", "c"), Halfway("half")
    async with nodes(terms, code, half) as (service,):
        await service.accounts.add("guarded", "a long password")
        for _ in range(failures.FREE):
            turn: Any = await answered(service, await challenged(service), word="t")
            half_way = await service.logins.switch(turn.flow, turn.secret, "half", CLIENT)
            on = await answered(service, half_way, word="anything")
            back = await service.logins.switch(on.flow, on.secret, "code", CLIENT)
            assert (await answered(service, back, word="guess")).step.error
        turn = await answered(service, await challenged(service), word="t")
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await answered(service, turn, word="c")


async def test_guesses_at_a_later_step_wait_although_the_first_is_passed_each_time() -> None:
    async with nodes(Halfway("half")) as (service,):
        await service.accounts.add("guarded", "a long password")
        for _ in range(failures.FREE):
            on = await answered(service, await challenged(service), word="anything")
            assert (await answered(service, on, word="guess")).step.error
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await answered(service, await challenged(service), word="anything")


@pytest.mark.parametrize("how", ["password", "lock", "own password"])
async def test_a_challenge_ends_with_the_sessions_of_its_account(how: str) -> None:
    async with nodes(Second()) as (service,):
        await service.accounts.add("boss", "a long password", role=ServerRole.OWNER)
        user = await service.accounts.add("guarded", "a long password")
        turn = await challenged(service)
        if how == "password":
            await service.accounts.passwords.set("guarded", "another password")
        elif how == "lock":
            await service.accounts.lock("guarded", True)
            await service.accounts.lock("guarded", False)
        else:
            token = await service.accounts._authenticator.open_session(user.id)
            await service.accounts.passwords.change(user, token, "old", "another password", "a")
        with pytest.raises(ChatError, match=FLOW):
            await answered(service, turn, word="open")


async def test_somebody_who_is_locked_during_the_challenge_stays_outside() -> None:
    async with nodes(Second()) as (service,):
        user = await service.accounts.add("guarded", "a long password")
        turn = await challenged(service)
        locked = msgspec.structs.replace(user, disabled=True)
        await service.store.put("user", user.id, msgspec.json.encode(locked))
        service.accounts._cache.clear()
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await answered(service, turn, word="open")
        assert await sessions(service) == 0


async def test_a_challenge_passed_by_somebody_else_is_refused() -> None:
    second = Second()
    async with nodes(second) as (service,):
        other = await service.accounts.add("other", "a long password")

        async def proceed(flow: Any, answer: Any) -> LoginDone:
            return LoginDone(user=other.id)

        method = msgspec.structs.replace(second.method, proceed=proceed)
        service.logins.methods.register([("p", method)])
        await service.accounts.add("guarded", "a long password")
        with pytest.raises(ChatError, match=r"auth\.refused"):
            await answered(service, await challenged(service), word="open")
        assert await sessions(service) == 0


READS = 2  # of `take` before it deletes: the step, and the epoch of its user


class TakesAndFails(flows.Flows):
    """Its node loses the store when it takes an answer, before or after the record is gone."""

    def __init__(self, inner: flows.Flows, faulty: FaultyStore, kind: str) -> None:
        super().__init__(inner._store)
        self._faulty, self._kind = faulty, kind

    async def take(self, flow: str, secret: str) -> flows.Pending:
        await self.look(flow, secret)
        self._faulty.arm([("", 0.0)] * READS + [(self._kind, 0.0)])
        return await super().take(flow, secret)


@pytest.mark.parametrize("kind", ["before", "after"])
async def test_an_answer_whose_taking_failed_opens_no_session_and_counts_at_most_once(
    kind: str,
) -> None:
    behind = MemoryStore()
    faulty = FaultyStore(behind)
    async with (
        nodes(Second(), store=behind) as (one,),
        nodes(Second(), store=faulty) as (two,),
    ):
        await one.accounts.add("guarded", "a long password")
        turn = await challenged(one)
        two.logins._steps.flows = TakesAndFails(two.logins._steps.flows, faulty, kind)
        with pytest.raises(ChatError, match=r"store\.unavailable"):
            await answered(two, turn, word="open")
        assert await sessions(one) == 0
        if kind == "before":
            assert isinstance(await answered(one, turn, word="open"), SignedIn)
        else:
            with pytest.raises(ChatError, match=FLOW):
                await answered(one, turn, word="open")


# -- what plugins are told ---------------------------------------------------------------------------


async def test_each_attempt_is_told_with_its_method() -> None:
    told: list[LoginAttempt] = []
    async with nodes(Second(), Riddle()) as (service,):
        service.hooks.on_login = told.append  # type: ignore[method-assign]
        user = await service.accounts.add("guarded", "a long password")
        again = await answered(service, await challenged(service), word="no")
        await answered(service, again, word="open")
        with pytest.raises(ChatError, match="Not you"):
            await answered(service, await begun(service), name="nobody", word="sesame")
        await signed_in(service)
        rows = [(each.user, each.outcome, each.method) for each in told]
        assert rows[:3] == [
            (user.id, "challenged", "password"),
            (user.id, "wrong", "second"),
            (user.id, "ok", "password"),
        ]
        assert [row[1:] for row in rows[3:]] == [("wrong", "riddle"), ("ok", "riddle")]
        assert [each.ok for each in told] == [False, False, True, False, True]


# -- confirming --------------------------------------------------------------------------------------


async def test_a_user_confirms_for_a_while_in_one_session() -> None:
    async with nodes(Riddle()) as (service,):
        user, token = await signed_in(service)
        accounts = service.accounts
        await accounts.demand_recent(user, token)
        accounts.sessions._clock = lambda: time.time() + 601
        with pytest.raises(ChatError, match=r"auth\.confirm"):
            await accounts.demand_recent(user, token)
        with pytest.raises(ChatError, match=r"auth\.confirm"):
            await begun(service, purpose="link", user=user, token=token)
        turn = await begun(service, purpose="confirm", user=user, token=token)
        with pytest.raises(ChatError, match=r"auth\.refused"):
            await answered(service, turn, name="bob", word="sesame")
        with pytest.raises(ChatError, match=r"auth\.confirm"):
            await accounts.demand_recent(user, token)
        turn = await begun(service, purpose="confirm", user=user, token=token)
        assert await answered(service, turn, **RIGHT) == Finished("confirm")
        await accounts.demand_recent(user, token)
        with pytest.raises(ChatError, match=r"auth\.confirm"):
            await accounts.demand_recent(user, None)
        with pytest.raises(ChatError, match=r"auth\.confirm"):
            await accounts.demand_recent(user, "another")


async def test_to_confirm_with_the_first_step_the_second_is_needed_as_well() -> None:
    async with nodes(Second()) as (service,):
        user = await service.accounts.add("guarded", "a long password")
        user, token = await answered(service, await challenged(service), word="open")
        service.accounts.sessions._clock = lambda: time.time() + 601
        turn = await begun(service, "password", purpose="confirm", user=user, token=token)
        second = await answered(service, turn, password="a long password")
        assert isinstance(second, Turn) and second.pending.method == "second"
        with pytest.raises(ChatError, match=r"auth\.confirm"):
            await service.accounts.demand_recent(user, token)
        count = await sessions(service)
        assert await answered(service, second, word="open") == Finished("confirm")
        await service.accounts.demand_recent(user, token)
        assert await sessions(service) == count


async def test_linking_and_confirming_need_somebody_who_is_signed_in() -> None:
    async with nodes(Riddle()) as (service,):
        for purpose in ("link", "confirm"):
            with pytest.raises(ChatError, match=r"auth\.required"):
                await begun(service, purpose=purpose)


class OpenSessions(NoPasswords):
    """Keeps which sessions are open."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.opened = 0

    async def open_session(self, user: str) -> str:
        self.opened += 1
        token = f"{user}-{self.opened}"
        self.users[token] = user
        return token

    async def session(self, token: str) -> str | None:
        return self.users.get(token)

    async def close_session(self, token: str) -> None:
        self.users.pop(token, None)


class Lasting(Riddle):
    """A riddle whose sessions may be over as soon as they are open, and that has another place to leave."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = {"kept": "a note"}
        self.answer: object = True
        self.asked: list[Identity] = []
        self.method = msgspec.structs.replace(self.method, lasts=self.lasts, leave=self.leave)

    async def lasts(self, identity: Identity) -> Any:
        self.asked.append(identity)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def leave(self, kept: str) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        return f"https://login.example.org/?kept={kept.replace(' ', '+')}"


@pytest.mark.parametrize(
    ("answer", "code"), [(False, FLOW), (ChatError("plugin.failed"), r"plugin\.failed")]
)  # fmt: skip
async def test_a_session_that_does_not_last_is_given_to_nobody(answer: Any, code: str) -> None:
    riddle, sessions = Lasting(), OpenSessions()
    async with nodes(riddle, authenticator=sessions) as (service,):
        user, token = await signed_in(service)
        riddle.answer = answer
        with pytest.raises(ChatError, match=code):
            await signed_in(service)
        assert (sessions.opened, sessions.users) == (2, {token: user.id})
        assert len(await service.store.scan("session", "")) == 1
        assert (await service.accounts.session(token)).id == user.id
        last = riddle.asked[-1]
        assert (last.method, last.subject, last.kept) == ("riddle", "ada", "a note")


async def test_whoever_signs_out_hears_where_to_go_on_and_has_no_session_any_more() -> None:
    riddle = Lasting()
    async with nodes(riddle, authenticator=OpenSessions()) as (service,):
        accounts = service.accounts
        for answer, address in (
            (True, "https://login.example.org/?kept=a+note"),
            (ChatError("plugin.failed"), ""),
        ):
            riddle.answer = True
            _, token = await signed_in(service)
            riddle.answer = answer
            assert await accounts.logout(token) == address
            with pytest.raises(ChatError, match=r"auth\.invalid"):
                await accounts.session(token)
            assert await accounts.logout(token) == "", "there is no session"
