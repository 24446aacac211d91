"""Hooks that judge as plain functions: called like coroutines, with the same rules, and in one order with them."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from chatserver import (
    ChatError,
    Draft,
    FoundRoom,
    FoundUser,
    MessageEdit,
    MessageSend,
    Refusal,
    RoomCreate,
    SearchQuery,
    hookimpl,
)
from chatserver.config import load
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import Call, PluginFailed
from chatserver.hooks.loading import Plugins
from chatserver.hooks.policy import Policy
from chatserver.model import RoomKind, User
from chatserver.process.watchdog import Watchdog
from chatserver.runtime.measure import Counter, Histogram, Measures
from tests.core.hooking import DRAFT, USER, errors, hooks_of, user
from tests.core.nodes import config, hook_calls
from tests.core.test_plugins import loaded, running

CREATE = RoomCreate(kind=RoomKind.PUBLIC, name="tea", topic="", members=())
QUERY = SearchQuery(text="tea", room=None)
ROOM = FoundRoom(id="a", name="a", kind=RoomKind.PUBLIC, topic="", joined=True)
DEADLINE = 0.05
PATIENT = Policy(deadline=60.0)  # nothing takes so long, on the busiest machine


def plain(
    hook: str, function: Callable[..., Any], *arguments: str, plugin: str = "p", **more: Any
) -> tuple[str, Call]:
    return hook, Call(plugin, function, arguments, is_plain=True, **more)


def calling(*given: tuple[str, Call], **settings: object) -> tuple[HookCalls, Measures]:
    calls: dict[str, list[Call]] = {}
    for hook, call in given:
        calls.setdefault(hook, []).append(call)
    measures = Measures()
    overrides = {f"plugins.{name}": value for name, value in settings.items()}
    return hook_calls(config(**overrides), measures, calls), measures


def seconds(measures: Measures) -> dict[tuple[str, ...], tuple[int, float]]:
    """How often and for how long each plugin and hook was called."""
    found = measures.all["chatserver_hook_seconds"]
    assert isinstance(found, Histogram)
    return {labels: (sum(counts), total) for labels, (counts, total) in found.values.items()}


# -- all of them -----------------------------------------------------------------------------------


async def test_each_hook_that_judges_may_be_a_plain_function() -> None:
    def louder(draft: Draft) -> Draft:
        return msgspec.structs.replace(draft, body=draft.body.upper())

    def longer(action: RoomCreate) -> RoomCreate:
        return msgspec.structs.replace(action, name=f"{action.name} room")

    actions = {"actions": (RoomCreate, MessageSend)}
    hooks, measures = calling(
        plain("change_message", louder, "draft"),
        plain("check_message", lambda draft: Refusal(draft.body), "draft"),
        plain("change_action", longer, "action", actions=(RoomCreate,)),
        plain("check_action", lambda action: None, "action", **actions),
        plain("filter_rooms", lambda rooms: [room.id for room in rooms], "rooms"),
        plain("filter_users", lambda users: [each.id for each in users], "users"),
        plain("filter_search", lambda query: SearchQuery(text="coffee", room=None), "query"),
    )
    changed = await hooks.change_message(DRAFT, USER)
    assert changed.body == "HELLO"
    with pytest.raises(ChatError, match=r"message\.refused: HELLO"):
        await hooks.check_message(changed, USER)
    assert (await hooks.allow(CREATE, USER)).name == "tea room"
    assert await hooks.filter_rooms([ROOM], USER) == {"a"}
    assert await hooks.filter_users([FoundUser(id="b", name="b", bot=False)], USER) == ["b"]
    assert (await hooks.filter_search(QUERY, USER)).text == "coffee"
    called = {hook for (_, hook), (count, _) in seconds(measures).items() if count == 1}
    assert called == {
        *("change_message", "check_message", "change_action", "check_action"),
        *("filter_rooms", "filter_users", "filter_search"),
    }


@pytest.mark.parametrize(
    "arguments", [(), ("draft",), ("user",), ("via", "draft"), ("user", "via", "draft")]
)
async def test_it_gets_the_arguments_that_it_names(arguments: tuple[str, ...]) -> None:
    got: list[object] = []
    hooks, _ = calling(plain("check_message", lambda *given: got.extend(given), *arguments))
    await hooks.check_message(DRAFT, USER)
    everything = {"draft": DRAFT, "user": USER, "via": "server"}
    assert got == [everything[name] for name in arguments]


async def test_it_judges_messages_as_actions() -> None:
    got: list[MessageSend] = []

    def answered(action: MessageSend, user: User) -> MessageSend | None:
        got.append(action)
        return msgspec.structs.replace(action, body="changed", room="elsewhere")

    kinds = {"actions": (MessageSend,)}
    hooks, _ = calling(
        plain("change_action", answered, "action", "user", **kinds),
        plain("check_action", lambda action: Refusal(action.body), "action", **kinds),
    )
    draft = await hooks.change_message(DRAFT, USER)
    assert (draft, got[0].body) == (Draft(room="r", body="changed"), "hello")
    with pytest.raises(ChatError, match=r"message\.refused: changed"):
        await hooks.check_message(draft, USER)


@pytest.mark.parametrize("order", ["ppp", "pcp", "cpc", "ccp", "pcc"])
async def test_plain_functions_and_coroutines_take_one_order(order: str) -> None:
    def adding(place: int, kind: str) -> tuple[str, str, Callable[..., Any]]:
        def change(draft: Draft) -> Draft:
            return msgspec.structs.replace(draft, body=f"{draft.body}{place}")

        async def awaited(draft: Draft) -> Draft:
            await asyncio.sleep(0)
            return change(draft)

        return "change_message", f"p{place}", change if kind == "p" else awaited

    asked: list[int] = []

    def judging(place: int, kind: str) -> tuple[str, str, Callable[..., Any]]:
        def check(draft: Draft) -> Refusal | None:
            asked.append(place)
            return Refusal("enough") if place == 2 else None

        async def awaited(draft: Draft) -> Refusal | None:
            return check(draft)

        return "check_message", f"p{place}", check if kind == "p" else awaited

    kinds = [*enumerate(order), (3, "p"), (4, "c")]
    hooks = hooks_of(*(adding(*each) for each in kinds), *(judging(*each) for each in kinds))
    assert (await hooks.change_message(DRAFT, USER)).body == "hello01234"
    with pytest.raises(ChatError) as caught:
        await hooks.check_message(DRAFT, USER)
    assert (caught.value.detail, asked) == ({"plugin": "p2"}, [0, 1, 2])


class Clock:
    """A clock that stands still until somebody takes time."""

    def __init__(self, hooks: HookCalls) -> None:
        self.at = 0.0
        hooks._plain._now = lambda: self.at

    def take(self, seconds: float) -> None:
        self.at += seconds


async def test_every_call_is_counted_with_its_time() -> None:
    hooks, measures = calling(
        plain("check_message", lambda draft: clock.take(0.0001), "draft", plugin="quick"),
        plain("check_message", lambda draft: clock.take(0.5), "draft", plugin="slow"),
        plain("check_message", lambda draft: clock.take(0.0002), "draft", plugin="last"),
    )
    clock = Clock(hooks)
    for number in range(1, 4):
        await hooks.check_message(DRAFT, USER)
        expected = {"quick": 0.0001, "slow": 0.5, "last": 0.0002}
        assert seconds(measures) == {
            (plugin, "check_message"): (number, pytest.approx(number * each))
            for plugin, each in expected.items()
        }


async def test_the_time_of_one_that_raises_is_its_own() -> None:
    def failing(draft: Draft) -> None:
        clock.take(0.3)
        raise RuntimeError("on purpose")

    hooks, measures = calling(
        plain("check_message", failing, "draft", policy=Policy(passes=True)),
        plain("check_message", lambda draft: clock.take(0.2), "draft", plugin="next"),
    )
    clock = Clock(hooks)
    with mock.patch.object(hooks.guard, "note_crash", lambda *given: clock.take(1.0)):
        await hooks.check_message(DRAFT, USER)
    assert seconds(measures) == {
        ("p", "check_message"): (1, pytest.approx(0.3)),
        ("next", "check_message"): (1, pytest.approx(0.2)),
    }


# -- failures --------------------------------------------------------------------------------------


def late(draft: Draft) -> None:
    time.sleep(2 * DEADLINE)


def raising(error: BaseException) -> Callable[[Draft], None]:
    def check(draft: Draft) -> None:
        raise error

    return check


def asked_too(draft: Draft) -> Refusal:
    return Refusal("asked, too")


async def forgotten(draft: Draft) -> None:
    """What a wrapper returns that does not await it."""


FAULTS: dict[str, tuple[Callable[..., Any], str]] = {
    "raises": (raising(RuntimeError("on purpose")), "error"),
    "ends an iteration": (raising(StopIteration(Refusal("no"))), "error"),
    "exits": (raising(SystemExit(1)), "error"),
    "is cancelled": (raising(asyncio.CancelledError()), "error"),
    "wrong type": (lambda draft: True, "garbage"),
    "wrong inside": (lambda draft: Refusal(5), "garbage"),  # type: ignore[arg-type]
    "coroutine": (lambda draft: forgotten(draft), "garbage"),
    "late": (late, "timeout"),
}


@pytest.mark.parametrize("how", FAULTS)
async def test_a_failure_refuses_and_is_counted(how: str, logged: list[str]) -> None:
    function, reason = FAULTS[how]
    policy = Policy(deadline=DEADLINE) if how == "late" else PATIENT
    hooks, measures = calling(
        plain("check_message", function, "draft", policy=policy),
        plain("check_message", asked_too, "draft", plugin="next"),
    )
    with pytest.raises(PluginFailed):
        await hooks.check_message(DRAFT, USER)
    assert errors(hooks) == {("p", "check_message", reason): 1}
    assert any("plugin p: check_message" in line for line in logged)
    assert seconds(measures)["p", "check_message"][0] == 1


@pytest.mark.parametrize("how", FAULTS)
async def test_a_failure_that_may_pass_leaves_the_others_asked(how: str) -> None:
    function, _ = FAULTS[how]
    hooks, measures = calling(
        plain("check_message", function, "draft", policy=Policy(passes=True)),
        plain("check_message", asked_too, "draft", plugin="next", policy=PATIENT),
        deadline_seconds=DEADLINE,
    )
    with pytest.raises(ChatError, match="asked, too"):
        await hooks.check_message(DRAFT, USER)
    passed = measures.all["chatserver_hook_passed_total"]
    assert isinstance(passed, Counter) and passed.values == {("p", "check_message"): 1}
    assert {labels[0] for labels in seconds(measures)} == {"p", "next"}
    assert sum(errors(hooks).values()) == 1


async def test_a_change_that_cannot_be_stored_is_a_failure() -> None:
    hooks, _ = calling(
        plain("change_message", lambda draft: Draft(room="r", body="\ud800"), "draft")
    )
    with pytest.raises(PluginFailed):
        await hooks.change_message(DRAFT, USER)
    assert errors(hooks) == {("p", "change_message", "garbage"): 1}


async def test_a_plugin_s_own_error_is_an_answer() -> None:
    hooks, _ = calling(plain("check_message", raising(ChatError("limit.rate")), "draft"))
    with pytest.raises(ChatError, match=r"limit\.rate"):
        await hooks.check_message(DRAFT, USER)
    assert not errors(hooks)


async def test_its_own_deadline_holds() -> None:
    policy = Policy(deadline=DEADLINE)
    hooks, _ = calling(plain("check_message", late, "draft", policy=policy))
    with pytest.raises(PluginFailed):
        await hooks.check_message(DRAFT, USER)
    assert errors(hooks) == {("p", "check_message", "timeout"): 1}
    hooks, _ = calling(
        plain("check_message", late, "draft", policy=PATIENT), deadline_seconds=DEADLINE
    )
    await hooks.check_message(DRAFT, USER)


# -- the breaker -----------------------------------------------------------------------------------


async def test_the_breaker_stops_calls_for_who_makes_it_fail_alone() -> None:
    asked: list[str] = []

    def check(draft: Draft, user: User) -> object:
        asked.append(user.id)
        return True if user.id == USER.id else None

    hooks, _ = calling(plain("check_message", check, "draft", "user"), breaker_failures=2)
    for _ in range(4):
        with pytest.raises(PluginFailed):
            await hooks.check_message(DRAFT, USER)
    assert errors(hooks) == {
        ("p", "check_message", "garbage"): 2,
        ("p", "check_message", "circuit_open"): 2,
    }
    await hooks.check_message(DRAFT, user("other"))
    assert asked == [USER.id, USER.id, "other"]


async def test_an_open_breaker_lets_pass_what_may_pass_and_others_are_asked() -> None:
    hooks, _ = calling(
        plain("check_message", lambda draft: True, "draft", policy=Policy(passes=True)),
        plain("check_message", asked_too, "draft", plugin="next"),
        breaker_failures=1,
    )
    for _ in range(2):
        with pytest.raises(ChatError, match="asked, too"):
            await hooks.check_message(DRAFT, USER)
    assert errors(hooks)["p", "check_message", "circuit_open"] == 1


@pytest.mark.parametrize("answer", [None, Refusal("no")])
async def test_an_answer_resets_the_count(answer: Refusal | None) -> None:
    answers: list[object] = [True, answer, True, answer, True, answer]
    hooks, _ = calling(
        plain("check_message", lambda draft: answers.pop(0), "draft"), breaker_failures=2
    )
    for number in range(6):
        if number % 2 and answer is None:
            await hooks.check_message(DRAFT, USER)
            continue
        with pytest.raises(ChatError):
            await hooks.check_message(DRAFT, USER)
    assert errors(hooks) == {("p", "check_message", "garbage"): 3}
    assert bool(hooks.guard.troubled) is False


async def test_an_exception_resets_the_count() -> None:
    def check(draft: Draft) -> object:
        if numbers.pop(0) % 2:
            raise RuntimeError("on purpose")
        return True

    numbers = [0, 1, 2, 3, 4, 5]
    hooks, _ = calling(plain("check_message", check, "draft"), breaker_failures=2)
    for _ in range(6):
        with pytest.raises(PluginFailed):
            await hooks.check_message(DRAFT, USER)
    assert errors(hooks) == {
        ("p", "check_message", "garbage"): 3,
        ("p", "check_message", "error"): 3,
    }


async def test_a_new_instance_begins_anew() -> None:
    hooks, _ = calling(plain("check_message", lambda draft: True, "draft"), breaker_failures=1)
    for _ in range(2):
        with pytest.raises(PluginFailed):
            await hooks.check_message(DRAFT, USER)
        hooks.guard.forget("p")
        assert not hooks.guard.troubled
    assert errors(hooks) == {("p", "check_message", "garbage"): 2}


# -- the loop --------------------------------------------------------------------------------------


async def test_one_that_blocks_the_loop_is_named_and_counted(
    tmp_path: Path, logged: list[str]
) -> None:
    enabled = ("memory", "password", "blocks_plainly")
    given = loaded(tmp_path, *enabled, plugins__deadline_seconds=1.0)
    async with running(given) as (server, room, member):
        watchdog = Watchdog(server.measures, server.plugin_packages())
        watchdog.start()
        await asyncio.sleep(0)
        with pytest.raises(PluginFailed):
            await server.service.messages.post(member, room, "c1", "block")
        watchdog.stop()
        blocked = server.measures.all["chatserver_loop_blocked_total"]
        assert isinstance(blocked, Counter)
        assert blocked.values == {("blocks_plainly",): 1}
        assert errors(server.hooks) == {("blocks_plainly", "check_message", "timeout"): 1}
    assert any("plugin blocks_plainly blocks the event loop at" in line for line in logged)


# -- only for messages with data -------------------------------------------------------------------


def with_data(**data: object) -> Draft:
    return msgspec.structs.replace(DRAFT, data=data)


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_plugin_is_asked_about_messages_with_its_data_alone(is_plain: bool) -> None:
    asked = []

    def judge(draft: Draft) -> None:
        asked.append(sorted(draft.data))

    async def awaited(draft: Draft) -> None:
        judge(draft)

    function = judge if is_plain else awaited
    call = Call("p", function, ("draft",), is_plain=is_plain, data={"tasks", "games"})
    hooks, measures = calling(("check_message", call), ("change_message", call))
    assert hooks.active.messages_are_checked and not hooks.active.plain_sends_are_checked
    for draft in (DRAFT, with_data(polls=1), with_data(polls=1, games=2)):
        await hooks.change_message(draft, USER)
        await hooks.check_message(draft, USER)
    assert asked == [["games", "polls"]] * 2
    assert {labels: count for labels, (count, _) in seconds(measures).items()} == {
        ("p", "change_message"): 1,
        ("p", "check_message"): 1,
    }


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_plugin_is_asked_about_texts_that_match_or_its_data_alone(is_plain: bool) -> None:
    asked = []

    def judge(draft: Draft) -> None:
        asked.append((draft.body, sorted(draft.data)))

    async def awaited(draft: Draft) -> None:
        judge(draft)

    function = judge if is_plain else awaited
    wants = {"matching": re.compile(":[a-z]+:"), "data": {"tasks"}}
    call = Call("p", function, ("draft",), is_plain=is_plain, **wants)  # type: ignore[arg-type]
    hooks, _ = calling(("change_message", call))
    assert not hooks.active.plain_sends_are_checked
    assert [pattern.pattern for pattern in hooks.active.checked_texts] == [":[a-z]+:"]
    smiling = msgspec.structs.replace(DRAFT, body="ha :smile:")
    for draft in (DRAFT, smiling, with_data(polls=1), with_data(tasks=1)):
        await hooks.change_message(draft, USER)
    assert asked == [("ha :smile:", []), (DRAFT.body, ["tasks"])]


def test_a_pattern_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(re.error):
        hookimpl(matching="[")


async def test_data_that_an_earlier_plugin_gives_counts() -> None:
    def give(draft: Draft) -> Draft:
        return msgspec.structs.replace(draft, data={**draft.data, "first": 1})

    async def take(draft: Draft) -> Draft:
        return msgspec.structs.replace(draft, body=f"{draft.body}!")

    def never(draft: Draft) -> Draft:
        raise AssertionError(draft)

    wants = {"data": {"first"}}
    hooks, _ = calling(
        plain("change_message", never, "draft", plugin="zero", **wants),
        plain("change_message", give, "draft", plugin="first"),
        ("change_message", Call("second", take, ("draft",), **wants)),  # type: ignore[arg-type]
    )
    assert hooks.active.plain_sends_are_checked  # one of them wants all
    changed = await hooks.change_message(DRAFT, USER)
    assert changed.body == "hello!" and changed.data == {"first": 1}


def test_who_looks_at_edits_alone_leaves_new_messages_their_short_way() -> None:
    hooks, _ = calling(plain("check_action", lambda action: None, "action", actions=(MessageEdit,)))
    assert hooks.active.messages_are_checked and not hooks.active.plain_sends_are_checked


def test_plain_messages_need_no_plugin_of_those_that_are_on_by_default(tmp_path: Path) -> None:
    """Else each of them would cost ten times as much."""
    settings = load(environ={}, overrides={"server.data": str(tmp_path)}).config
    calls = Plugins(settings, tmp_path).calls()
    assert calls["change_message"]  # of files, which have data
    assert not hook_calls(settings, Measures(), calls).active.plain_sends_are_checked
