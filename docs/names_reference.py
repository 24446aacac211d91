"""Makes docs/plugins/names.md: the public names that are on no other page of the reference."""

import inspect
from typing import Any

from hook_reference import bare, described, documented
from since import since
from wrapping import wrapped

import chatserver

HEAD = """\
# Public names

What plugins may import from `chatserver`, beside the [hooks and their types](../plugins.md#reference-of-hooks): events
and messages, the contracts of stores and other parts, errors, what [the service](service.md) returns. Constants and
aliases of types are left out.

This page is generated from the code. An attribute that is not here may change at any time."""

GROUPS = {
    "Users, rooms, events, messages": (
        "chatserver.model",
        "chatserver.parts",
        "chatserver.roomlog",
    ),
    "Contracts of parts": ("chatserver.interfaces", "chatserver.hooks", "chatserver.cluster"),
    "Errors": ("chatserver.errors",),
    "What the service returns": ("chatserver.service",),
    "Files": ("chatserver.blobs",),
    "Deliveries": ("chatserver.delivery",),
    "Small parts": ("chatserver",),
}

# Classes of which plugins may use a part only.
PARTLY = {
    "Room": """\
A room, as `rooms.get` returns it. Do not keep it: get it again.

- `id: str`, `head: int`: the seq of its newest event
- `role(user: str) -> RoomRole | None`: the role of a user id; None for somebody who is no member""",
    "Service": "See [the service](service.md).",
}


def page() -> str:
    """The page."""
    left = {
        name: kind
        for name in chatserver.__all__
        if name not in documented() and callable(kind := getattr(chatserver, name))
    }
    parts = [HEAD]
    for title, modules in GROUPS.items():
        own = [name for name, kind in left.items() if kind.__module__.startswith(modules)]
        parts += [f"## {title}", *(_entry(name, left.pop(name)) for name in sorted(own))]
    return "\n\n".join(parts) + "\n"


def _entry(name: str, kind: Any) -> str:
    if name in PARTLY:
        return f"### `{name}`\n\n{PARTLY[name]}\n\n{since('names', name)}"
    if inspect.isclass(kind):
        return described(name, kind)
    shown = bare(f"{name}{inspect.signature(kind)}")
    text = wrapped(" ".join((inspect.getdoc(kind) or "").split()))
    return f"### `{name}`\n\n    {shown}\n\n{text}\n\n{since('names', name)}"
