"""Dispatch of hooks without a server, shared by the tests of plugins' failures."""

import inspect
from collections.abc import Callable
from typing import Any

from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import Call
from chatserver.hooks.policy import Policy
from chatserver.hooks.types import Draft
from chatserver.model import ServerRole, User
from chatserver.runtime.measure import Counter, Measures
from tests.core.nodes import config, hook_calls

DRAFT = Draft(room="r", body="hello")


def user(name: str) -> User:
    return User(id=name, username=name, name=name, role=ServerRole.MEMBER, at="")


USER = user("u")


def errors(hooks: HookCalls) -> dict[tuple[str, ...], float]:
    counter = hooks.guard._errors
    assert isinstance(counter, Counter)
    return counter.values


def hooks_of(
    *calls: tuple[str, str, Callable[..., Any]], passes: bool = False, **settings: object
) -> HookCalls:
    """Dispatch of (hook, plugin, function); every function takes the hook's first argument."""
    first = {"change_message": "draft", "check_message": "draft", "on_event": "event",
             "on_login": "attempt"}  # fmt: skip
    given: dict[str, list[Call]] = {}
    for hook, plugin, function in calls:
        is_plain = not inspect.iscoroutinefunction(function)
        call = Call(plugin, function, [first[hook]], Policy(passes), is_plain=is_plain)
        given.setdefault(hook, []).append(call)
    overrides = {f"plugins.{name}": value for name, value in settings.items()}
    return hook_calls(config(**overrides), Measures(), given)
