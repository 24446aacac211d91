"""Actions of users as plugins see them: who is called, what may be changed, and what a failure means."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from chatserver.errors import ChatError
from chatserver.hooks import door
from chatserver.hooks.absent import Claimant
from chatserver.hooks.actions import (
    ACTIONS,
    Action,
    MessageEdit,
    MessageSend,
    React,
    Register,
    RoomChange,
    RoomCreate,
    RoomJoin,
)
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import WITHOUT_BREAKER, Call
from chatserver.hooks.policy import Policy
from chatserver.hooks.reasons import REASON_CHARS
from chatserver.hooks.types import LoginAttempt, Refusal
from chatserver.model import RoomKind
from chatserver.runtime.measure import Measures
from tests.core.hooking import DRAFT, USER, errors
from tests.core.nodes import config, hook_calls

JOIN = RoomJoin(room="r")
CREATE = RoomCreate(kind=RoomKind.PUBLIC, name="tea", topic="", members=("m",))


def judging(
    *calls: tuple[str, str, tuple[type[Action], ...], Callable[..., Any]],
    policy: Policy = Policy(),  # noqa: B008 - it never changes
    **settings: object,
) -> HookCalls:
    """Dispatch of (hook, plugin, actions, function); every function takes the action."""
    given: dict[str, list[Call]] = {}
    for hook, plugin, actions, function in calls:
        call = Call(plugin, function, ["action"], policy, actions=actions)
        given.setdefault(hook, []).append(call)
    overrides = {f"plugins.{name}": value for name, value in settings.items()}
    return hook_calls(config(**overrides), Measures(), given)


def answering(answer: Any, seen: list[Action] | None = None) -> Callable[..., Any]:
    """A hook that notes the action, and answers this, or what this function makes of it."""

    async def answered(action: Action) -> Any:
        if seen is not None:
            seen.append(action)
        return answer(action) if callable(answer) else answer

    return answered


async def refusal(hooks: HookCalls, action: Action) -> ChatError:
    with pytest.raises(ChatError) as caught:
        await hooks.allow(action, USER)
    return caught.value


async def test_only_those_who_want_an_action_are_called() -> None:
    joins: list[Action] = []
    others: list[Action] = []
    hooks = judging(
        ("check_action", "a", (RoomJoin,), answering(None, joins)),
        ("check_action", "b", tuple(set(ACTIONS) - {RoomJoin}), answering(None, others)),
    )
    react = React(room="r", message="m", emoji="🙂", added=True)
    assert await hooks.allow(JOIN, USER) is JOIN
    assert await hooks.allow(react, USER) is react
    assert (joins, others) == ([JOIN], [react])


async def test_all_changes_come_before_the_first_check() -> None:
    checked: list[Action] = []

    def louder(action: RoomCreate) -> RoomCreate:
        return msgspec.structs.replace(action, name=f"{action.name}!")

    hooks = judging(
        ("check_action", "a", (RoomCreate,), answering(None, checked)),
        ("change_action", "b", (RoomCreate,), answering(louder)),
        ("change_action", "c", (RoomCreate,), answering(louder)),
    )
    assert (await hooks.allow(CREATE, USER)).name == "tea!!"
    assert checked == [msgspec.structs.replace(CREATE, name="tea!!")]


async def test_only_changeable_fields_are_taken_over() -> None:
    texts = {"name": "x", "topic": "y", "description": "z"}
    wanted = RoomCreate(kind=RoomKind.PRIVATE, members=("other",), **texts)
    hooks = judging(("change_action", "a", (RoomCreate,), answering(wanted)))
    assert await hooks.allow(CREATE, USER) == msgspec.structs.replace(CREATE, **texts)


async def test_the_first_refusal_stops_and_is_cut() -> None:
    asked: list[Action] = []
    hooks = judging(
        ("check_action", "a", (RoomJoin,), answering(Refusal("n" * 10_000))),
        ("check_action", "b", (RoomJoin,), answering(None, asked)),
    )
    error = await refusal(hooks, JOIN)
    assert (error.code, error.text) == ("action.refused", "n" * REASON_CHARS)
    assert error.detail == {"plugin": "a"} and asked == []


@pytest.mark.parametrize(
    "answer",
    [
        "no",
        True,
        RoomChange(room="r", name="x", topic=None),
        msgspec.structs.replace(CREATE, name=5),
        msgspec.structs.replace(CREATE, topic="\ud800"),
    ],
)
async def test_a_change_of_another_kind_is_a_failure(answer: Any) -> None:
    hooks = judging(("change_action", "a", (RoomCreate,), answering(answer)))
    assert (await refusal(hooks, CREATE)).code == "plugin.failed"
    assert errors(hooks) == {("a", "change_action", "garbage"): 1}


async def test_what_is_not_valid_is_the_fault_of_who_gave_it() -> None:
    def clean(action: RoomCreate) -> RoomCreate:
        if len(action.name or "") > 3:
            raise ChatError("request.invalid")
        return msgspec.structs.replace(action, name=(action.name or "").strip())

    def renaming(name: str) -> HookCalls:
        wanted = msgspec.structs.replace(CREATE, name=name)
        return judging(("change_action", "a", (RoomCreate,), answering(wanted)))

    with pytest.raises(ChatError, match=r"request\.invalid"):
        await renaming("x").allow(msgspec.structs.replace(CREATE, name="long"), USER, clean=clean)
    with pytest.raises(ChatError, match=r"plugin\.failed"):
        await renaming("long").allow(CREATE, USER, clean=clean)
    assert (await renaming(" x ").allow(CREATE, USER, clean=clean)).name == "x"


async def test_the_policy_may_differ_by_action_and_have_a_deadline() -> None:
    async def broken(action: Action) -> None:
        raise RuntimeError("broken on purpose")

    async def slow(action: Action) -> None:
        await asyncio.sleep(60)

    policy = Policy(passes=True, passes_of={"RoomJoin": False})
    hooks = judging(("check_action", "a", (RoomJoin, RoomCreate), broken), policy=policy)
    assert await hooks.allow(CREATE, USER) is CREATE
    assert (await refusal(hooks, JOIN)).code == "plugin.failed"
    policy = Policy(passes_of={"RoomJoin": True})
    hooks = judging(("check_action", "a", (RoomJoin, RoomCreate), broken), policy=policy)
    assert await hooks.allow(JOIN, USER) is JOIN
    assert (await refusal(hooks, CREATE)).code == "plugin.failed"
    hooks = judging(
        ("check_action", "a", (RoomJoin,), slow),
        policy=Policy(deadline=0.05),
        deadline_seconds=50.0,
    )
    assert (await refusal(hooks, JOIN)).code == "plugin.failed"


async def test_a_failure_refuses_unless_the_plugin_passes() -> None:
    def broken(action: Action) -> None:
        raise RuntimeError("broken on purpose")

    call = ("check_action", "a", (RoomJoin,), answering(broken))
    assert (await refusal(judging(call), JOIN)).code == "plugin.failed"
    assert await judging(call, policy=Policy(passes=True)).allow(JOIN, USER) is JOIN


async def test_a_chat_error_is_an_answer() -> None:
    def full(action: Action) -> None:
        raise ChatError("limit.count")

    hooks = judging(("check_action", "a", (RoomJoin,), answering(full)), policy=Policy(passes=True))
    assert (await refusal(hooks, JOIN)).code == "limit.count"
    assert errors(hooks) == {}


@pytest.mark.virtual_time
async def test_failures_for_one_address_stop_no_other() -> None:
    async def hang(action: Register) -> None:
        if action.address == "bad":
            await asyncio.Event().wait()

    hooks = judging(
        ("check_action", "a", (Register,), hang), deadline_seconds=0.05, breaker_failures=2
    )
    for _ in range(4):
        with pytest.raises(ChatError, match=r"plugin\.failed"):
            await hooks.allow(Register(username="u", name=None, address="bad"), None, "bad")
    assert errors(hooks) == {
        ("a", "check_action", "timeout"): 2,
        ("a", "check_action", "circuit_open"): 2,
    }
    good = Register(username="u", name=None, address="good")
    assert await hooks.allow(good, None, "good") is good


def test_every_action_is_public() -> None:
    import chatserver

    for kind in (Action, *ACTIONS):
        assert getattr(chatserver, kind.__name__) is kind
        assert set(kind.changeable) <= set(kind.__struct_fields__)


# -- messages as actions ---------------------------------------------------------------------------

EDITED = msgspec.structs.replace(DRAFT, message="r-1")


def drafting(
    *calls: tuple[str, str, tuple[type[Action], ...], Callable[..., Any]],
    policy: Policy = Policy(),  # noqa: B008 - it never changes
) -> HookCalls:
    """Dispatch of (hook, plugin, actions, function), whose plugins are enabled in this order."""
    given: dict[str, list[Call]] = {}
    for hook, plugin, actions, function in calls:
        argument = "action" if actions else "draft"
        call = Call(plugin, function, [argument], policy, actions=actions)
        given.setdefault(hook, []).append(call)
    names = list(dict.fromkeys(plugin for _, plugin, _, _ in calls))
    return hook_calls(config(**{"plugins.enabled": names}), Measures(), given)


def adding(mark: str) -> Callable[..., Any]:
    async def added(given: Any) -> Any:
        return msgspec.structs.replace(given, body=given.body + mark)

    return added


async def test_messages_are_actions_for_those_who_ask_for_them() -> None:
    seen: list[Action] = []
    hooks = drafting(("check_action", "a", (MessageSend, React), answering(None, seen)))
    assert hooks.active.messages_are_checked
    assert await hooks.change_message(DRAFT, USER) == DRAFT
    await hooks.check_message(DRAFT, USER)
    await hooks.check_message(EDITED, USER)  # it did not ask for these
    assert seen == [MessageSend(room="r", body="hello", reply_to=None, client_id=None, data={})]
    assert not drafting(
        ("check_action", "a", (React,), answering(None))
    ).active.messages_are_checked


async def test_changes_of_messages_keep_the_order_of_the_plugins() -> None:
    hooks = drafting(
        ("change_action", "a", (MessageSend, MessageEdit), adding("1")),
        ("change_message", "b", (), adding("2")),
        ("change_action", "c", (MessageSend,), adding("3")),
    )
    assert (await hooks.change_message(DRAFT, USER)).body == "hello123"
    assert (await hooks.change_message(EDITED, USER)).body == "hello12"


async def test_only_text_and_data_of_a_message_are_taken_over() -> None:
    wanted = MessageSend(room="other", body="x", reply_to="r-1", client_id="y", data={"a": 1})
    hooks = drafting(("change_action", "a", (MessageSend,), answering(wanted)))
    changed = await hooks.change_message(DRAFT, USER)
    assert changed == msgspec.structs.replace(DRAFT, body="x", data={"a": 1})


@pytest.mark.parametrize(
    "answer", ["no", DRAFT, EDITED, MessageSend(room="r", body=5, reply_to=None, client_id=None, data={})]  # type: ignore[arg-type]
)  # fmt: skip
async def test_a_change_of_a_message_to_something_else_is_a_failure(answer: Any) -> None:
    hooks = drafting(("change_action", "a", (MessageSend,), answering(answer)))
    with pytest.raises(ChatError, match=r"plugin\.failed"):
        await hooks.change_message(DRAFT, USER)
    assert errors(hooks) == {("a", "change_action", "garbage"): 1}


async def test_a_refused_message_has_the_code_of_messages() -> None:
    hooks = drafting(("check_action", "a", (MessageSend,), answering(Refusal("no"))))
    with pytest.raises(ChatError) as caught:
        await hooks.check_message(DRAFT, USER)
    assert (caught.value.code, caught.value.detail) == ("message.refused", {"plugin": "a"})


async def test_a_failure_about_a_message_follows_the_policy_of_its_action() -> None:
    def broken(action: Action) -> None:
        raise RuntimeError("broken on purpose")

    call = ("check_action", "a", (MessageSend, MessageEdit), answering(broken))
    hooks = drafting(call, policy=Policy(passes_of={"MessageSend": True}))
    await hooks.check_message(DRAFT, USER)
    with pytest.raises(ChatError, match=r"plugin\.failed"):
        await hooks.check_message(EDITED, USER)


async def test_absent_plugins_guard_messages_by_action_too() -> None:
    hooks = drafting()
    hooks.refuse_for({"MessageEdit": {None: [Claimant("gone")]}})
    assert hooks.active.messages_are_checked
    await hooks.change_message(DRAFT, USER)
    with pytest.raises(ChatError, match=r"plugin\.absent"):
        await hooks.change_message(EDITED, USER)


# -- the door --------------------------------------------------------------------------------------


async def test_hooks_get_the_door_that_was_entered() -> None:
    doors: list[str] = []

    async def note(via: str) -> None:
        doors.append(via)

    actions: tuple[type[Action], ...] = (RoomJoin, MessageSend)
    calls = {
        "change_action": [Call("a", note, ["via"], actions=actions)],
        "check_action": [Call("a", note, ["via"], actions=actions)],
        "change_message": [Call("a", note, ["via"])],
        "check_message": [Call("a", note, ["via"])],
    }
    hooks = hook_calls(config(), Measures(), calls)
    with door.entered("websocket"):
        await hooks.allow(JOIN, USER)
        await hooks.change_message(DRAFT, USER)
        await hooks.check_message(DRAFT, USER)
    assert doors == ["websocket"] * 6
    await hooks.allow(JOIN, USER)
    assert doors[6:] == ["server"] * 2


@pytest.mark.parametrize("hook", WITHOUT_BREAKER)
async def test_what_a_plugin_serves_has_its_name_as_door(hook: str) -> None:
    doors: list[str] = []

    async def serve() -> None:
        await asyncio.sleep(0)
        doors.append(door.current())

    hooks = hook_calls(config(), Measures())
    with door.entered("http"):
        await hooks.guard.run(hook, Call("polls", serve, ()), {})
        assert doors == ["polls"] and door.current() == "http"


async def test_an_observer_has_its_own_name_as_door() -> None:
    doors: list[str] = []

    async def look(attempt: Any) -> None:
        doors.append(door.current())

    hooks = hook_calls(config(), Measures(), {"on_login": [Call("watcher", look, ["attempt"])]})
    with door.entered("http"):
        hooks.on_login(LoginAttempt(user="u", address="192.0.2.1", ok=True))
    await hooks.shutdown()
    assert doors == ["watcher"]
