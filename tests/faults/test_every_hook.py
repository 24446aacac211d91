"""Every hook × every way to go wrong: the core stays up, the plugin is named, and one user alone is affected.

Both lists are made from the specification of the hooks. A new hook is tried as soon as there is one: those that are
called while a server runs need an entry in `PROVOKED`, without which a test fails.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver import (
    Actor,
    ChatError,
    Concerned,
    Decision,
    ExpiredMessages,
    Reminder,
    Room,
    StartupError,
    Why,
)
from chatserver.app import Server
from chatserver.config import load
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.loading import JUDGING_HOOKS, hook_names
from chatserver.hooks.reasons import REASON_CHARS
from chatserver.model import ServerRole
from chatserver.runtime.measure import Counter
from chatserver.testing.running import Chat, Person, running
from chatserver.testing.samples import posted
from tests.faults.plugins.anywhere import DEADLINE, RUNNING
from tests.faults.server import PLUGINS
from tests.waiting import until

FAULTS = {  # the reason that is counted; None: it is no failure
    "raise": "error",
    "exit": "error",
    "hang": "timeout",
    "wrong type": "garbage",
    "huge": "garbage",
    "slow": None,  # within its deadline
}
LONG_DEADLINE = 30  # which nothing slow misses on a busy machine
# What the service does with an answer of the right type that is far too large.
HUGE = {
    "change_message": "limit.size",  # as if the user had written it, who may shorten it
    "check_message": "message.refused",
    "check_action": "action.refused",
    "filter_rooms": None,  # ids of rooms that there are not
    "filter_users": None,
}
Act = Callable[[Chat, Person, Room], Awaitable[Any]]


async def _post(chat: Chat, person: Person, room: Room) -> None:
    await person.post(room, "hello")


async def _create(chat: Chat, person: Person, room: Room) -> None:
    await person.create_room("another")


async def _list(chat: Chat, person: Person, room: Room) -> None:
    await person.call("rooms")


async def _members(chat: Chat, person: Person, room: Room) -> None:
    await person.call("members", room=room.id)


async def _search(chat: Chat, person: Person, room: Room) -> None:
    await person.call("search", text="hello")


async def _login(chat: Chat, person: Person, room: Room) -> None:
    account = {"username": person.user.username, "password": "correct horse battery staple"}
    await chat.http("POST", "/api/v1/login", account)  # a wrong password is an attempt, too


async def _account(chat: Chat, person: Person, room: Room) -> None:
    await chat.service.accounts.rename(person.user.username, name=f"{person.user.username} again")


async def _look(chat: Chat, person: Person, room: Room) -> None:
    await chat.service.inspect(person.user, "127.0.0.1").rooms("", 10)


async def _switch(chat: Chat, person: Person, room: Room) -> None:
    engine = chat.service.switches.engine
    assert engine is not None
    is_on = any(state.on for state in engine.states() if state.name == "shortcodes")
    await engine.switch("off" if is_on else "on", "shortcodes", Actor(user=person.id))


async def _decide(chat: Chat, person: Person, room: Room) -> None:
    by, message = Actor(user=person.id), f"{room.id}-1"
    decision = Decision(plugin="reports", by=by, room=room.id, message=message, author="")
    chat.service.hooks.on_decision(decision)


async def _read_threads(chat: Chat, person: Person, room: Room) -> None:
    await chat.service.hooks.threads_read(person.user, [f"{room.id}-1"])


async def _mention(chat: Chat, person: Person, room: Room) -> None:
    await person.post(room, "hello @somebody")


async def _concern(chat: Chat, person: Person, room: Room) -> None:
    event = posted(room.id, 1, author=person.id)
    await chat.service.hooks.on_concerned(Concerned(event, {person.id: Why.THREAD}))


async def _remind(chat: Chat, person: Person, room: Room) -> None:
    reminder = Reminder(
        plugin="reminders", user=person.id, message=f"{room.id}-1", at=0.0, title="Tea"
    )
    await chat.service.hooks.on_reminder(reminder)


async def _expire(chat: Chat, person: Person, room: Room) -> None:
    await chat.service.hooks.on_expired(ExpiredMessages(room.id, [person.id]))


async def _read(chat: Chat, person: Person, room: Room) -> None:
    await person.post(room, "something to read")
    await chat.service.rooms.mark_read(person.user, room, room.head)


PROVOKED: dict[str, Act] = {
    "change_message": _post,
    "check_message": _post,
    "change_action": _create,
    "check_action": _create,
    "filter_rooms": _list,
    "filter_users": _members,
    "filter_search": _search,
    "on_event": _post,
    "on_read": _read,
    "on_login": _login,
    "on_account": _account,
    "on_look": _look,
    "on_switch": _switch,
    "on_decision": _decide,
    "threads_read": _read_threads,
    "find_groups": _mention,
    "on_concerned": _concern,
    "on_reminder": _remind,
    "on_expired": _expire,
}


def counted(hooks: HookCalls, plugin: str) -> dict[tuple[str, str], float]:
    """The failures by hook and reason; all of them must be the culprit's."""
    counter = hooks.guard._errors
    assert isinstance(counter, Counter)
    assert {key[0] for key in counter.values} <= {plugin}
    return {key[1:]: value for key, value in counter.values.items()}


def outcome(hook: str, how: str) -> tuple[str | None, str | None]:
    """The code of the error that the user gets, and the reason of the failure that is counted."""
    if hook.startswith("on_"):  # what an observer returns is ignored
        return None, FAULTS[how] if how in ("raise", "exit", "hang") else None
    if how == "slow":
        return None, None
    if hook == "find_groups":  # the message mentions nobody then
        return None, FAULTS[how]
    if how == "huge" and hook in HUGE:
        return HUGE[hook], None
    return "plugin.failed", FAULTS[how]


def test_every_hook_of_a_running_server_is_provoked() -> None:
    assert set(PROVOKED) == set(RUNNING)


@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize(
    ("name", "hook"),
    [("anywhere", hook) for hook in RUNNING] + [("anywhere_plain", hook) for hook in JUDGING_HOOKS],
)
async def test_a_fault_is_named_and_affects_one_user(
    tmp_path: Path, name: str, hook: str, how: str, logged: list[str]
) -> None:
    settings = {
        "plugins.folder": str(PLUGINS),
        "plugins.deadline_seconds": LONG_DEADLINE if how == "slow" else DEADLINE,
        "plugins.breaker_failures": 2,
    }
    async with running(name, settings=settings) as chat:
        plugin = next(each.instance for each in chat._server._plugins.all if each.name == name)
        eve, ada = await chat.user("eve"), await chat.user("ada")
        await chat.service.accounts.set_role("ada", ServerRole.ADMIN)
        eve.user, ada.user = [await chat.service.accounts.get(each.id) for each in (eve, ada)]
        room = await eve.create_room("tea")
        await ada.join(room)
        plugin.called.clear()
        plugin.fault = (hook, how, eve.id)
        code, reason = outcome(hook, how)
        for _ in range(3):  # more often than the breaker takes
            if code is None:
                await PROVOKED[hook](chat, eve, room)
            else:
                with pytest.raises(ChatError) as caught:
                    await PROVOKED[hook](chat, eve, room)
                assert caught.value.code == code
                assert len(caught.value.text) <= REASON_CHARS
            await PROVOKED[hook](chat, ada, room)
        await until(lambda: hook in plugin.called)
        if reason is None:
            assert not {key for key in counted(chat._server.hooks, name) if key[0] == hook}
        else:
            await until(lambda: counted(chat._server.hooks, name).get((hook, reason), 0) >= 1)
            assert any(f"plugin {name}: {hook}" in line for line in logged)
        plugin.fault = ("", "", "")
        bob = await chat.user("bob")
        await bob.join(room)
        assert (await bob.post(room, "all is well")).body == "all is well"
        assert (await chat.http("GET", "/health")).status == 200


# -- at start --------------------------------------------------------------------------------------

AT_START = [name for name in hook_names() if name.partition("_")[0] in ("provide", "register")]
GOING_WRONG = """
import chatserver

class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def {hook}(self):
        {what}
"""
# A plugin with a store or a check of passwords of its own stands in for the usual one.
USUAL = {"provide_store": ["password"], "provide_authenticator": ["memory"]}


@pytest.mark.parametrize("what", ["raise RuntimeError('broken on purpose')", "raise SystemExit(1)", "return 42"])  # fmt: skip
@pytest.mark.parametrize("hook", AT_START)
async def test_a_fault_at_start_refuses_to_start(tmp_path: Path, hook: str, what: str) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "atstart.py").write_text(GOING_WRONG.format(hook=hook, what=what))
    settings = {
        "server.data": str(tmp_path / "data"),
        "server.port": 0,
        "plugins.enabled": [
            *USUAL.get(hook, ["memory", "password"]),
            "graphql",
            "metrics",
            "atstart",
        ],
        "plugins.folder": str(folder),
        "logging.folder": "",
    }
    with pytest.raises(StartupError, match=f"plugin atstart: .*{hook}|plugin atstart: {hook}"):
        async with Server(load(environ={}, overrides=settings)).opened() as server:
            if hook == "register_cli":
                server.provided.command("atstart", lambda action: None)
            else:
                server.listen()
                server.engine.collect([hook])
