"""Makes the pages of docs/plugins/reference with the public names that are no hooks and no types of hooks."""

import inspect
from typing import Any

from hook_reference import documented
from since import recorded, since
from type_reference import bare, described
from wrapping import wrapped

import chatserver

# Unions, other aliases of types, and constants.
ALIASES = {
    "ACTIONS": "all kinds of [actions](actions.md)",
    "AnyEvent": "an event of any kind",
    "EVERYBODY": "`@room`, which stands among the mentioned users of a message for all members of its room",
    "IndexPlace": "where a store keeps a page of the search index: the room's id, a slot, the page's first seq",
    "Localized": "a text, or a mapping of language tags such as `en` to texts",
    "TableName": "the name of a table among others: `dict[TableName, Struct]`, 1 to 32 of `a-z 0-9 _ -`",
    "LoginProgress": "what `service.logins` returns: a step to show, somebody who is signed in, or another end",
    "LoginStep": "what a sign-in method returns: `LoginForm`, `LoginRedirect`, `LoginDone`, or `Refusal`",
    "MemberEvent": "`MemberJoined`, `MemberLeft`, or `MemberChanged`",
    "MessageChange": "an event that changes an earlier message",
    "Outcome": "how an attempt to sign in ended: `ok`, `challenged`, `wrong`, `locked`, `refused`, `limited`",
    "Rest": "the type of a command's last argument that takes all that is left",
}

GENERATED = (
    "This page is generated from the code. An attribute that is not here may change at any time."
)
# What a plugin gets from the server, in the order of the page.
CONTEXT = {
    "The context": ("Context", "RunInServer"),
    "Its parts": (
        "Records",
        "ExpiringRecords",
        "Timers",
        "WallClock",
        "Measures",
        "Counter",
        "Gauge",
        "Histogram",
        "PluginMessages",
        "PluginBlobs",
        "Service",
    ),
}
CONTEXT_HEAD = f"""\
# Reference: the context

What a plugin gets from the server: the argument `context` of `startup`, and of the hooks that take it.

{GENERATED}"""

# The other pages: a head, and sections with the modules whose names they have.
PAGES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "model": (
        f"""\
# Reference: users, rooms, messages, events

The data that hooks, the context and the service share. All are imported from `chatserver`.

{GENERATED}""",
        {
            "Users, rooms, messages, events": ("chatserver.model", "chatserver.roomlog"),
            "Buttons, menus, forms": ("chatserver.parts",),
        },
    ),
    "contracts": (
        f"""\
# Reference: contracts

The parts of a server that plugins provide, and what each of their methods promises.

{GENERATED}""",
        {
            "Stores, buses, authenticators, tracers": (
                "chatserver.interfaces",
                "chatserver.cluster",
            ),
            "Places for files": ("chatserver.hooks.blobs",),
            "Backup targets": ("chatserver.hooks.targets",),
            "Mail": ("chatserver.hooks.mail",),
        },
    ),
    "errors": (
        f"""\
# Reference: errors

What is raised, by the server and by plugins. The codes of a `ChatError`, each with its version, are in the
[protocol](../../protocol.md#errors). A plugin raises one of these, with a text of its own if that helps the user, or a
code that begins with the plugin's name and says what it means:

    raise chatserver.ChatError("user.forbidden", "Only the poll's author may close it.")

    closed = chatserver.Meaning(409, "never", "The poll is closed.")
    raise chatserver.ChatError("polls.closed", meaning=closed)

{GENERATED}""",
        {"Errors": ("chatserver.errors",)},
    ),
    "names": (
        f"""\
# Reference: other names

What the [service](service.md) returns, and parts that plugins may use. All are imported from `chatserver`.

{GENERATED}""",
        {
            "What the service returns": ("chatserver.service",),
            "Files": ("chatserver.blobs",),
            "Searches and lists": ("chatserver.hooks.filters", "chatserver.hooks.arguments"),
            "Deliveries": ("chatserver.delivery",),
            "Small parts": ("chatserver",),
        },
    ),
}

# Classes of which plugins may use a part only, or that stand on another page.
PARTLY = {
    "Room": """\
A room, as `rooms.get` returns it. Do not keep it: get it again.

- `id: str`, `head: int`: the seq of its newest event
- `role(user: str) -> RoomRole | None`: the role of a user id; None for somebody who is no member""",
    "Service": "All that users can do, and the rules for it: [the service](service.md).",
    "PluginMessages": "Messages with the plugin's own data: [`context.messages`](service.md#contextmessages).",
    "Inspection": "All data, for staff: [what `service.inspect` returns](service.md#what-serviceinspect-returns).",
}


def pages() -> dict[str, str]:
    """Each page by its name."""
    left = {
        name: kind
        for name in chatserver.__all__
        if name not in documented() and callable(kind := getattr(chatserver, name))
    }
    parts = [CONTEXT_HEAD]
    for title, names in CONTEXT.items():
        parts += [f"## {title}", *(_entry(name, left.pop(name)) for name in names)]
    made = {"context": "\n\n".join(parts) + "\n"}
    for page, (head, groups) in PAGES.items():
        parts = [head]
        for title, modules in groups.items():
            own = [name for name, kind in left.items() if kind.__module__.startswith(modules)]
            parts += [f"## {title}", *(_entry(name, left.pop(name)) for name in sorted(own))]
        made[page] = "\n\n".join(parts) + "\n"
    made["names"] += "\n".join(
        [
            "\n## Aliases and constants\n",
            "| name | is | since |",
            "|---|---|---|",
            *(
                f"| `{name}` | {text} | {recorded()['names'][name]} |"
                for name, text in ALIASES.items()
            ),
            "",
        ]
    )
    return made


def _entry(name: str, kind: Any) -> str:
    if name in PARTLY:
        return f"### `{name}`\n\n{PARTLY[name]}\n\n{since('names', name)}"
    if inspect.isclass(kind):
        return described(name, kind)
    shown = bare(f"{name}{inspect.signature(kind)}")
    text = wrapped(" ".join((inspect.getdoc(kind) or "").split()))
    return f"### `{name}`\n\n    {shown}\n\n{text}\n\n{since('names', name)}"
