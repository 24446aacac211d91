"""The circuit breaker stops calling a failing plugin for those who make it fail, and for nobody else."""

import asyncio
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from chatserver import StartupError
from chatserver.app import Server
from chatserver.errors import ChatError
from chatserver.hooks import deadline
from chatserver.hooks.breaker import Breaker
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import PluginFailed
from chatserver.hooks.observers import OWN_BURST
from chatserver.hooks.types import Draft, LoginAttempt
from chatserver.model import RoomKind, User
from chatserver.testing.running import running as open_server
from chatserver.testing.samples import posted
from tests.core.hooking import DRAFT, USER, errors, hooks_of, user
from tests.core.test_plugins import loaded
from tests.waiting import until

CRAFTED = Draft(room="r", body="crafted")
SHORT = 0.05  # a deadline, where every call is late anyway


async def fails_for_crafted(draft: Draft) -> None:
    if draft.body == CRAFTED.body:
        raise RuntimeError("broken on purpose")


async def hangs_for_crafted(draft: Draft) -> None:
    if draft.body == CRAFTED.body:
        await asyncio.Event().wait()


async def refused(hooks: HookCalls, draft: Draft, author: User) -> bool:
    try:
        await hooks.check_message(draft, author)
    except PluginFailed:
        return True
    return False


# -- whom it stops -----------------------------------------------------------------------------------


async def test_a_plugin_that_raises_for_one_user_refuses_nobody_else(logged: list[str]) -> None:
    hooks = hooks_of(("check_message", "p", fails_for_crafted), breaker_failures=5)
    for _ in range(20):
        assert await refused(hooks, CRAFTED, USER)
    assert not await refused(hooks, DRAFT, user("other"))
    assert not await refused(hooks, DRAFT, USER), "what does not raise passes, hers too"
    assert errors(hooks) == {("p", "check_message", "error"): 20}


async def test_messages_that_make_a_check_raise_do_not_stop_other_rooms(tmp_path: Path) -> None:
    async with two_rooms(tmp_path, way="raises") as (server, mine, theirs, me, other):
        messages = server.service.messages
        for number in range(7):
            with pytest.raises(PluginFailed):
                await messages.post(me, mine, f"c{number}", "fail")
        await messages.post(other, theirs, "c1", "hello")


@pytest.mark.virtual_time
async def test_a_plugin_that_hangs_for_one_user_refuses_only_that_user(logged: list[str]) -> None:
    hooks = hooks_of(
        ("check_message", "p", hangs_for_crafted), breaker_failures=3, deadline_seconds=SHORT
    )
    for _ in range(3):
        assert await refused(hooks, CRAFTED, USER)
    assert await refused(hooks, DRAFT, USER), "it is not asked on her behalf any more"
    assert not await refused(hooks, DRAFT, user("other"))
    assert errors(hooks) == {
        ("p", "check_message", "timeout"): 3,
        ("p", "check_message", "circuit_open"): 1,
    }


@pytest.mark.virtual_time
async def test_a_plugin_that_hangs_for_everybody_is_not_called(logged: list[str]) -> None:
    asked = []

    async def hang(draft: Draft) -> None:
        asked.append(draft)
        await asyncio.Event().wait()

    hooks = hooks_of(("check_message", "p", hang), breaker_failures=3, deadline_seconds=SHORT)
    for name in ("a", "b", "c", "d", "e", "f", "a"):
        assert await refused(hooks, DRAFT, user(name))
    assert len(asked) == 4, "three, and one that tries meanwhile"
    assert errors(hooks)["p", "check_message", "circuit_open"] == 3


@pytest.mark.parametrize("answer", [5, Draft(room="r", body="a check returns no drafts")])
async def test_answers_of_a_wrong_type_count(answer: object, logged: list[str]) -> None:
    async def check(draft: Draft) -> Any:
        return answer

    hooks = hooks_of(("check_message", "p", check), breaker_failures=2)
    for name in "abcd":
        assert await refused(hooks, DRAFT, user(name))
    assert errors(hooks) == {
        ("p", "check_message", "garbage"): 3,
        ("p", "check_message", "circuit_open"): 1,
    }


@pytest.mark.virtual_time
async def test_an_observer_that_fails_for_one_user_is_told_of_the_others(
    logged: list[str],
) -> None:
    told = []

    async def observe(event: Any) -> None:
        if event.author.id == "bad":
            await asyncio.Event().wait()
        told.append(event.author.id)

    hooks = hooks_of(("on_event", "p", observe), breaker_failures=2, deadline_seconds=SHORT)
    for seq, author in enumerate(["bad"] * 9 + ["good"] * 2, 1):
        hooks.on_event(posted("r", seq, author=author))
    await asyncio.wait_for(hooks.observers._observers["p"]._queue.join(), 30)
    assert told == ["good", "good"]
    assert errors(hooks) == {("p", "on_event", "timeout"): 2, ("p", "on_event", "circuit_open"): 7}
    await hooks.shutdown()


@pytest.mark.virtual_time
async def test_guesses_of_passwords_do_not_hide_logins_of_others(logged: list[str]) -> None:
    told = []

    async def observe(attempt: LoginAttempt) -> None:
        if attempt.address == "198.51.100.1":
            await asyncio.Event().wait()
        told.append(attempt.user)

    hooks = hooks_of(("on_login", "p", observe), breaker_failures=2, deadline_seconds=SHORT)
    for address in ["198.51.100.1"] * 5 + ["198.51.100.2"]:
        hooks.on_login(LoginAttempt(user="victim", address=address, ok=False))
    await asyncio.wait_for(hooks.observers._observers["p"]._queue.join(), 30)
    assert told == ["victim"]
    await hooks.shutdown()


async def test_an_observer_that_raises_is_told_of_everything(logged: list[str]) -> None:
    async def observe(attempt: LoginAttempt) -> None:
        raise RuntimeError("broken on purpose")

    hooks = hooks_of(("on_login", "p", observe), breaker_failures=2)
    for _ in range(5):
        hooks.on_login(LoginAttempt(user=None, address="", ok=False))
    await hooks.shutdown()
    assert errors(hooks) == {("p", "on_login", "error"): 5}


# -- the deadline ------------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_a_plugin_that_loses_its_cancellation_is_late(logged: list[str]) -> None:
    async def check(draft: Draft) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return  # as if nothing had happened

    hooks = hooks_of(("check_message", "p", check), breaker_failures=2, deadline_seconds=SHORT)
    for name in "abcd":
        assert await refused(hooks, DRAFT, user(name))
    assert errors(hooks) == {
        ("p", "check_message", "timeout"): 3,
        ("p", "check_message", "circuit_open"): 1,
    }


@pytest.mark.virtual_time
async def test_a_plugin_that_never_ends_is_left_behind(logged: list[str]) -> None:
    ends = asyncio.Event()
    cancelled = []

    async def check(draft: Draft) -> None:
        while not ends.is_set():
            try:
                await ends.wait()
            except asyncio.CancelledError:
                cancelled.append(draft)

    hooks = hooks_of(("check_message", "p", check), deadline_seconds=SHORT)
    assert await asyncio.wait_for(refused(hooks, DRAFT, USER), 30)
    assert errors(hooks) == {("p", "check_message", "timeout"): 1}
    assert cancelled == [DRAFT]
    (left,) = deadline._left
    ends.set()
    await asyncio.wait_for(left, 30)
    assert not deadline._left


@pytest.mark.virtual_time
async def test_an_exception_of_a_plugin_left_behind_is_logged(logged: list[str]) -> None:
    async def check(draft: Draft) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            raise RuntimeError("broken while it cleans up")

    hooks = hooks_of(("check_message", "p", check), deadline_seconds=SHORT)
    assert await refused(hooks, DRAFT, USER)
    await asyncio.wait(deadline._left)
    await asyncio.sleep(0)
    assert any("broken while it cleans up" in line for line in logged)


@pytest.mark.virtual_time
async def test_a_plugins_own_time_outs_work(logged: list[str]) -> None:
    """The hook goes on in the task in which it began."""
    seen = []

    async def check(draft: Draft) -> None:
        try:
            async with asyncio.timeout(SHORT):
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append("its own")
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        seen.append("a group")

    hooks = hooks_of(("check_message", "p", check), deadline_seconds=30.0)
    assert not await refused(hooks, DRAFT, USER)
    assert seen == ["its own", "a group"]


@pytest.mark.virtual_time
async def test_a_time_out_of_its_own_that_it_raises_is_its_exception(logged: list[str]) -> None:
    async def check(draft: Draft) -> None:
        async with asyncio.timeout(SHORT):
            await asyncio.Event().wait()

    hooks = hooks_of(("check_message", "p", check), deadline_seconds=30.0, breaker_failures=1)
    for _ in range(2):
        assert await refused(hooks, DRAFT, USER)
    assert errors(hooks) == {("p", "check_message", "error"): 2}


async def test_a_call_that_does_not_wait_takes_no_timer() -> None:
    async def check(draft: Draft) -> None:
        return None

    async def waiting(draft: Draft) -> None:
        await asyncio.sleep(0)

    loop = asyncio.get_running_loop()
    for function, timers in ((check, 0), (waiting, 1)):
        hooks = hooks_of(("check_message", "p", function))
        with mock.patch.object(loop, "call_at", wraps=loop.call_at) as call_at:
            await hooks.check_message(DRAFT, USER)
        assert call_at.call_count == timers


@pytest.mark.virtual_time
async def test_clients_that_go_away_do_not_open_the_breaker() -> None:
    async def slow(draft: Draft) -> None:
        await asyncio.sleep(0.05)

    hooks = hooks_of(("check_message", "p", slow), breaker_failures=2)
    for _ in range(5):
        task = asyncio.create_task(hooks.check_message(DRAFT, USER))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await hooks.check_message(DRAFT, USER)
    assert errors(hooks) == {}


# -- the breaker by itself ---------------------------------------------------------------------------


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("chatserver.hooks.breaker.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def fail(breaker: Breaker, *users: str) -> None:
    for each in users:
        breaker.note(each, failed=True)


def test_one_user_opens_it_for_nobody_else(clock: Clock) -> None:
    breaker = Breaker(3, 60)
    fail(breaker, *["a"] * 100)
    assert not breaker.admits("a")
    assert breaker.admits("b")


def test_failures_count_in_a_row(clock: Clock) -> None:
    breaker = Breaker(2, 60)
    for _ in range(3):
        fail(breaker, "a")
        assert breaker.admits("a")
        breaker.note("a", failed=False)
    fail(breaker, "a")
    breaker.note("b", failed=False)
    fail(breaker, "c")
    assert breaker.admits("d"), "somebody had an answer between the failures of two users"
    fail(breaker, "d")
    assert not breaker.admits("c")


def test_for_a_user_it_half_opens(clock: Clock) -> None:
    breaker = Breaker(2, 60)
    fail(breaker, "a", "a")
    clock.now += 59
    assert not breaker.admits("a")
    clock.now += 2
    assert breaker.admits("a")
    fail(breaker, "a")
    assert not breaker.admits("a")
    clock.now += 61
    breaker.note("a", failed=False)
    fail(breaker, "a")
    assert breaker.admits("a")


def test_for_all_it_half_opens(clock: Clock) -> None:
    breaker = Breaker(2, 60)
    fail(breaker, "a", "b")
    clock.now += 61
    assert breaker.admits("a") and breaker.admits("c")
    fail(breaker, "a")
    assert not breaker.admits("b")
    clock.now += 61
    breaker.note("b", failed=False)
    assert breaker.admits("a")


def test_several_accounts_of_one_person_stop_nobody_for_long(clock: Clock) -> None:
    breaker = Breaker(2, 60)
    fail(breaker, "a", "b")
    assert breaker.admits("other"), "somebody else tries at once"
    assert not breaker.admits("third"), "one at a time"
    breaker.note("other", failed=False)
    assert breaker.admits("third")


def test_while_it_is_open_tries_are_rare(clock: Clock) -> None:
    breaker = Breaker(2, 60)
    fail(breaker, "a", "b")
    admitted = 0
    for number in range(50):
        if breaker.admits(f"user{number}"):
            admitted += 1
            fail(breaker, f"user{number}")
        clock.now += 1
    assert admitted == 17, "every three seconds"
    assert len(breaker._failed) == 2


def test_the_breakers_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.hooks.breaker.USERS", 10)
    breaker = Breaker(2, 60)
    fail(breaker, *(f"user{number}" for number in range(100)))
    assert (len(breaker._strikes), len(breaker._failed)) == (10, 2)


# -- on_failure --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["change_message", "check_message"])
async def test_a_message_may_pass_a_plugin_that_fails(hook: str, logged: list[str]) -> None:
    async def broken(draft: Draft) -> None:
        raise RuntimeError("broken on purpose")

    async def stamp(draft: Draft) -> Draft:
        return Draft(room="r", body=draft.body + "!")

    hooks = hooks_of((hook, "p", broken), ("change_message", "q", stamp), passes=True)
    changed = await hooks.change_message(DRAFT, USER)
    await hooks.check_message(DRAFT, USER)
    assert changed.body == "hello!"
    assert errors(hooks) == {("p", hook, "error"): 1}
    assert hooks.guard._passed.values == {("p", hook): 1}


async def test_a_refusal_is_no_failure_that_may_pass() -> None:
    async def check(draft: Draft) -> None:
        raise ChatError("user.forbidden")

    hooks = hooks_of(("check_message", "p", check), passes=True)
    with pytest.raises(ChatError, match=r"user\.forbidden"):
        await hooks.check_message(DRAFT, USER)


@asynccontextmanager
async def two_rooms(
    tmp_path: Path, **settings: object
) -> AsyncIterator[tuple[Server, Any, Any, User, User]]:
    name = "bad_message_hook"
    given = {f"plugin__{name}__{key}": value for key, value in settings.items()}
    async with Server(loaded(tmp_path, "memory", "password", name, **given)).opened() as server:
        me, other = [
            await server.service.accounts.add(name, "a long password") for name in ("me", "other")
        ]
        mine, theirs = [
            await server.service.rooms.create(each, RoomKind.PRIVATE, "room")
            for each in (me, other)
        ]
        yield server, mine, theirs, me, other


async def test_the_configuration_decides_on_a_message_after_a_failure(tmp_path: Path) -> None:
    async with two_rooms(tmp_path / "1", way="raises", on_failure="pass") as (
        server,
        room,
        *_,
        me,
        _,
    ):
        event, _ = await server.service.messages.post(me, room, "c1", "fail")
        assert event.body == "fail"
    async with two_rooms(tmp_path / "2", way="raises") as (server, room, *_, me, _):
        with pytest.raises(PluginFailed):
            await server.service.messages.post(me, room, "c1", "fail")


async def test_on_failure_is_one_of_two_words(tmp_path: Path) -> None:
    expected = "on_failure: expected one of refuse, pass, got 'ignore'"
    with pytest.raises(StartupError, match=expected):
        async with two_rooms(tmp_path, on_failure="ignore"):
            pass


async def test_the_policy_of_an_action_that_there_is_not(tmp_path: Path) -> None:
    expected = "on_failure_of: there is no action 'RoomJion'; there are message, Register"
    with pytest.raises(StartupError, match=expected):
        async with two_rooms(tmp_path, on_failure_of={"RoomJion": "pass"}):
            pass


async def test_the_policy_of_messages_comes_before_the_general_one(tmp_path: Path) -> None:
    policy = {"on_failure": "refuse", "on_failure_of": {"message": "pass"}}
    async with two_rooms(tmp_path, way="raises", **policy) as (server, room, *_, me, _):
        event, _ = await server.service.messages.post(me, room, "c1", "fail")
        assert event.body == "fail"


async def test_a_plugin_without_message_hooks_has_no_on_failure(tmp_path: Path) -> None:
    settings = {"plugin__with_settings__on_failure": "pass"}
    with pytest.raises(StartupError, match=r"plugin\.with_settings\.on_failure: unknown key"):
        Server(loaded(tmp_path, "memory", "password", "with_settings", **settings))


async def test_a_plugin_may_not_have_a_setting_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="plugin takes_on_failure: its Config may not have on_f"):
        Server(loaded(tmp_path, "memory", "password", "takes_on_failure"))


async def test_an_observer_that_answers_itself_ends(tmp_path: Path) -> None:
    echo = """
        import chatserver

        class Plugin:
            def __init__(self, config: chatserver.Settings) -> None:
                self.seen = 0

            @chatserver.hookimpl
            async def startup(self, context: chatserver.Context) -> None:
                self.context, self.bot = context, await context.bot("echo")

            @chatserver.hookimpl
            async def on_event(self, event: chatserver.AnyEvent) -> None:
                if isinstance(event, chatserver.MessagePosted):
                    self.seen += 1
                    service = self.context.service
                    room = await service.rooms.get(event.room)
                    if room.role(self.bot.id) is None:
                        await service.rooms.join(self.bot, room)
                    await service.messages.post(self.bot, room, f"c{event.seq}", "again")
    """
    (tmp_path / "echo.py").write_text(textwrap.dedent(echo))
    async with open_server("echo", settings={"plugins.folder": str(tmp_path)}) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("tea")
        plugin = next(each.instance for each in chat._server._plugins.all if each.name == "echo")

        def dropped() -> float:
            return errors(chat._server.hooks).get(("echo", "on_event", "answers_itself"), 0)

        await ada.post(room, "hello")
        await until(lambda: dropped() >= 1)
        answered = plugin.seen
        assert OWN_BURST <= answered < OWN_BURST + 100
        await ada.post(room, "and now?")  # it is still told of others
        await until(lambda: plugin.seen > answered and dropped() >= 2)
