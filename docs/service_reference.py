"""Makes docs/plugins/reference/service.md: what plugins may call of the service, from the docstrings there."""

import inspect
from collections.abc import Callable
from typing import Any

from since import since
from type_reference import bare
from wrapping import wrapped

from chatserver.service.accounts import Accounts
from chatserver.service.claims import Claims
from chatserver.service.connections import Connections
from chatserver.service.following import Following
from chatserver.service.history import History
from chatserver.service.inspection import Inspection
from chatserver.service.interactions import Interactions
from chatserver.service.live import Live
from chatserver.service.login.logins import Logins
from chatserver.service.messages import Messages
from chatserver.service.passwords import Passwords
from chatserver.service.people import People
from chatserver.service.plugin_messages import PluginMessages
from chatserver.service.presence import Presence
from chatserver.service.rooms import RoomService
from chatserver.service.search import Search
from chatserver.service.service import Service
from chatserver.service.typing_now import Typing

PARTS: dict[str, type[Any]] = {
    "accounts": Accounts,
    "accounts.passwords": Passwords,
    "logins": Logins,
    "rooms": RoomService,
    "messages": Messages,
    "interactions": Interactions,
    "history": History,
    "live": Live,
    "search": Search,
    "following": Following,
    "connections": Connections,
    "people": People,
    "presence": Presence,
    "typing": Typing,
    "claims": Claims,
}
OWN = ("signed_in", "inspect")  # of `Service` itself
HEAD = """\
# Reference: the service

What plugins call: `context.service`, from `startup` on. All rules are applied here, so a plugin that acts for a user
gets the same answers as the user would. Methods that take a `User` check this user's rights, unless they say that they
check none. Users come from `request.user()`, `accounts.get(id)` or the arguments of a hook, rooms from
`rooms.get(id)`. Errors are raised as `chatserver.ChatError`; [Protocol](../../protocol.md#errors) lists their codes.

This page is generated from the code; a name that is not on it may change at any time."""


def page() -> str:
    """The page."""

    def dated(name: str) -> str:
        return since("service", name)

    def dated_message(name: str) -> str:
        return since("members", f"PluginMessages.{name.rpartition('.')[2]}")

    def dated_look(name: str) -> str:
        return since("members", f"Inspection.{name}")

    parts = [HEAD, "## `service`", _list("", {name: vars(Service)[name] for name in OWN}, dated)]
    for name, kind in PARTS.items():
        parts += [
            f"## `service.{name}`",
            _summary(kind),
            _list(f"{name}.", methods_of(kind), dated),
        ]
    parts += [
        "## `context.messages`",
        _summary(PluginMessages),
        _list("context.messages.", methods_of(PluginMessages), dated_message),
        "## What `service.inspect` returns",
        _summary(Inspection),
        _list("", methods_of(Inspection), dated_look),
    ]
    return "\n\n".join(parts) + "\n"


def methods_of(kind: type[Any]) -> dict[str, Any]:
    """The public methods, those of bases first."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__[:-1]):
        found |= {name: each for name, each in vars(base).items() if inspect.isfunction(each)}
    return {name: each for name, each in found.items() if not name.startswith("_")}


def _list(before: str, methods: dict[str, Any], dated: Callable[[str], str]) -> str:
    return "\n\n".join(
        _entry(before, name, method, dated(f"{before}{name}")) for name, method in methods.items()
    )


def _entry(before: str, name: str, method: Any, date: str) -> str:
    """The call, then what it does, then since when it is there."""
    waits = inspect.iscoroutinefunction(method)
    first = "await " if waits else "async for … in " if inspect.isasyncgenfunction(method) else ""
    own = inspect.signature(method)
    given: list[str] = []
    for each in list(own.parameters.values())[1:]:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in given:
            given.append("*")
        given.append(_parameter(each))
    call = f"{first}{before}{name}({', '.join(given)}) -> {_type(own.return_annotation)}"
    text = wrapped(" ".join(f"{inspect.getdoc(method) or ''} {date}".split()))
    return f"    {call}\n\n{text}" if text else f"    {call}"


def _parameter(each: inspect.Parameter) -> str:
    shown = f"{each.name}: {_type(each.annotation)}"
    if each.default is inspect.Parameter.empty:
        return shown
    simple = each.default is None or isinstance(each.default, str | int | float | bool)
    return f"{shown} = {each.default!r}" if simple else f"{shown} = …"


def _type(annotation: Any) -> str:
    text = annotation.__name__ if inspect.isclass(annotation) else str(annotation)
    return bare(text)


def _summary(kind: type[Any]) -> str:
    return wrapped(" ".join((inspect.getdoc(kind) or "").split()))
