"""A plugin with every hook that is called while a server runs, made from the specification: a new one is here, too.

A test sets `fault`: the hook, the way it goes wrong, and the id of the user for whom it does.
"""

import asyncio
import inspect
import time
from typing import Any

import msgspec

import chatserver
from chatserver.hooks.actions import ACTIONS
from chatserver.hooks.loading import ACTION_HOOKS, hook_names
from chatserver.hooks.specs import Hooks

ONCE = ("startup", "shutdown")
RUNNING = [
    name
    for name in hook_names()
    if inspect.iscoroutinefunction(getattr(Hooks, name)) and name not in ONCE
]
HUGE = "x" * 5_000_000
DEADLINE = 0.5
SLOW_SECONDS, HANG_SECONDS = 0.05, 0.6  # within the deadline, and beyond it


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.fault: tuple[str, str, str] = ("", "", "")
        self.called: set[str] = set()

    async def meet(self, hook: str, given: dict[str, Any]) -> Any:
        match self.way(hook, given):
            case "hang":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(SLOW_SECONDS)
            case how:
                return answer(how, hook, given)
        return None

    def meet_plainly(self, hook: str, given: dict[str, Any]) -> Any:
        match self.way(hook, given):
            case "hang":
                time.sleep(HANG_SECONDS)  # the event loop stands still
                return None
            case "slow":
                time.sleep(SLOW_SECONDS)
            case how:
                return answer(how, hook, given)
        return None

    def way(self, hook: str, given: dict[str, Any]) -> str:
        """The way in which this call goes wrong."""
        self.called.add(hook)
        name, how, user = self.fault
        return how if name == hook and user_of(given) == user else ""


def answer(how: str, hook: str, given: dict[str, Any]) -> Any:
    match how:
        case "raise":
            raise RuntimeError("broken on purpose")
        case "exit":
            raise SystemExit(1)
        case "huge":
            return huge(hook, given)
        case "wrong type":
            return 42
    return None


def user_of(given: dict[str, Any]) -> str:
    """The id of the user for whom a hook is called."""
    if (user := given.get("user")) is not None:
        return str(user.id)
    if "event" in given:
        return str(given["event"].author.id)
    if "attempt" in given:
        return given["attempt"].user or ""
    if "change" in given:
        change = given["change"]  # of an account, or by an operator
        return str(change.by.user if isinstance(change, chatserver.PluginSwitch) else change.user)
    if "decision" in given:
        return given["decision"].by.user or ""
    if "concerned" in given:
        return str(given["concerned"].event.author.id)
    if "mark" in given:
        return str(given["mark"].user)
    if "reminder" in given:
        return str(given["reminder"].user)
    if "expired" in given:  # names messages, not users
        return str(given["expired"].messages[0])
    return str(given["look"].user) if "look" in given else ""


def huge(hook: str, given: dict[str, Any]) -> Any:
    """An answer of the right type that is far too large."""
    if hook.startswith("check_"):
        return chatserver.Refusal(HUGE)
    if "draft" in given:
        return msgspec.structs.replace(given["draft"], body=HUGE)
    if "action" in given:
        return msgspec.structs.replace(given["action"], name=HUGE)
    if "query" in given:
        return msgspec.structs.replace(given["query"], text=HUGE)
    return [HUGE] * 100


def hook(name: str, *, is_plain: bool = False) -> Any:
    """A hook with all arguments that its specification has, as a coroutine or a plain function."""
    arguments = [
        each for each in inspect.signature(getattr(Hooks, name)).parameters if each != "self"
    ]
    given = ", ".join(f"{each!r}: {each}" for each in arguments)
    first, meet = ("", "self.meet_plainly") if is_plain else ("async ", "await self.meet")
    source = f"{first}def {name}(self, {', '.join(arguments)}):\n    return {meet}({name!r}, {{{given}}})"
    made: dict[str, Any] = {}
    exec(source, made)
    if name in ACTION_HOOKS:
        return chatserver.hookimpl(actions=ACTIONS)(made[name])
    return chatserver.hookimpl(made[name])


for each in RUNNING:
    setattr(Plugin, each, hook(each))
