"""What plugins register for users to call × every way to go wrong: that call fails, and nothing else does."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chatserver import Button, ChatError, Parts, Room
from chatserver.hooks.loading import hook_names
from chatserver.privacy.parts import items
from chatserver.runtime.measure import Counter
from chatserver.testing.running import Chat, Person, running
from tests.faults.server import PLUGINS

DEADLINE = 0.5
FAULTS = {"raise": "error", "exit": "error", "hang": "timeout", "wrong type": "garbage"}
Act = Callable[[Chat, Person, Room], Awaitable[Any]]


async def _answered(answer: Any) -> None:
    """Raise the error of an answer over HTTP as the service would."""
    if answer.status >= 400:
        assert answer.status == 503
        raise ChatError(answer.json["error"]["code"])


async def _route(chat: Chat, person: Person, room: Room) -> None:
    await _answered(await person.http("GET", "/callbacks"))


async def _operation(chat: Chat, person: Person, room: Room) -> None:
    await person.call("callbacks.go")


async def _command(chat: Chat, person: Person, room: Room) -> None:
    await person.command(room, "/go there")


async def _complete(chat: Chat, person: Person, room: Room) -> None:
    await chat.service.commands.complete(person.user, room, "/go th")


async def _interact(chat: Chat, person: Person, room: Room) -> None:
    (plugin,) = [each.instance for each in chat._server._plugins.all if each.name == "callbacks"]
    parts = Parts(of="callbacks", items=(Button(id="yes", label="Yes"),))
    asked = await plugin.messages.post(person.user, room, "Yes?", parts=parts)
    await person.call("interact", room=room.id, message=asked.id, part="yes")


async def _begin(chat: Chat, person: Person, room: Room) -> None:
    body = {"method": "callbacks"}
    await _answered(await chat.http("POST", "/api/v1/login/begin", body))


async def _token(chat: Chat, person: Person, room: Room) -> None:
    await _answered(await chat.http("GET", "/api/v1/me", token=f"callbacks_{person.id}"))


async def _export(chat: Chat, person: Person, room: Room) -> None:
    (part,) = [each for each in chat.service.privacy.parts if each.name == "callbacks"]
    assert [each async for each in items(part, person.id)] == [{"user": person.id}]


CALLED: dict[str, Act] = {
    "register_routes": _route,
    "register_operations": _operation,
    "register_commands": _command,
    "complete_command": _complete,
    "register_message_data": _interact,
    "register_login_methods": _begin,
    "register_token_kinds": _token,
    "register_personal_data": _export,
}
ANY_ANSWER = ("register_operations",)  # it is encoded for the client, whatever it is
# Called by nobody, or by the server's own work; that this goes on is tried in tests/core, where the work is.
OTHERS = {
    "register_jobs": "tests/core/test_jobs.py",
    "register_timers": "tests/core/test_timers.py",
    "register_consumers": "tests/core/test_consumers.py",
    "register_health_checks": "tests/faults/test_plugins.py",
    "register_graphql": "tests/graphql",
    "register_cli": "an operator's process of its own",
    "register_page": "files",
    "register_event_kinds": "a schema",
    "register_backup_schemes": "tests/backup",
}


def test_everything_that_is_registered_is_called_or_said_not_to_be() -> None:
    registered = {name for name in hook_names() if name.startswith("register_")}
    assert registered | {"complete_command"} == set(CALLED) | set(OTHERS)


@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("hook", CALLED)
async def test_a_fault_ends_that_call_alone(hook: str, how: str, logged: list[str]) -> None:
    settings = {"plugins.folder": str(PLUGINS), "plugins.deadline_seconds": DEADLINE}
    async with running("callbacks", settings=settings) as chat:
        (plugin,) = [
            each.instance for each in chat._server._plugins.all if each.name == "callbacks"
        ]
        eve, ada = await chat.user("eve"), await chat.user("ada")
        room = await eve.create_room("tea")
        await ada.join(room)
        plugin.fault = (hook, how)
        if hook in ANY_ANSWER and FAULTS[how] == "garbage":
            assert await eve.call("callbacks.go") == 42
            return
        with pytest.raises(ChatError) as caught:
            await CALLED[hook](chat, eve, room)
        assert caught.value.code == "plugin.failed"
        counter = chat._server.hooks.guard._errors
        assert isinstance(counter, Counter)
        assert counter.values == {("callbacks", hook, FAULTS[how]): 1}
        assert any(f"plugin callbacks: {hook}" in line for line in logged)
        for name, call in CALLED.items():  # all the others, also of this plugin, for everybody
            if name != hook:
                await call(chat, ada, room)
        plugin.fault = ("", "")
        await CALLED[hook](chat, eve, room)
        await ada.post(room, "all is well")
