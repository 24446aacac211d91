"""Makes the reference in docs/commands.md: each command from its own help, and the shape of its --json."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import click
import msgspec
from wrapping import item, wrapped

from chatserver.cli import main, shapes
from chatserver.cluster.consumers import State
from chatserver.cluster.consumers.records import DeadLetter
from chatserver.cluster.timers import TimerState
from chatserver.cluster.timers.records import DeadTimer
from chatserver.handover.restarting import Restarted
from chatserver.hooks.loading import PluginRow
from chatserver.model import User
from chatserver.privacy.report import Held
from chatserver.privacy.search import Place
from chatserver.probe.outcome import Outcome
from chatserver.service.claims import CountedClaim
from chatserver.service.mail.emails import OwnEmail
from chatserver.service.passwords import ResetLink
from chatserver.service.switches import Switched
from chatserver.status import problems
from chatserver.status.report import Status
from chatserver.upgrade import findings

OBJECT, LINES, LIST = "one object", "one object a line", "one list of objects"
# What each command prints with --json.
SHAPES: dict[str, tuple[str, type]] = {
    "check": (OBJECT, shapes.Checked),
    "restart": (OBJECT, Restarted),
    "status": (OBJECT, Status),
    "config": (LINES, shapes.SettingShown),
    "plugins": (LIST, PluginRow),
    "plugins top": (LINES, shapes.HooksShown),
    "plugins claims": (LINES, CountedClaim),
    "plugins on": (OBJECT, Switched),
    "plugins off": (OBJECT, Switched),
    "plugins reload": (OBJECT, Switched),
    "plugins set": (OBJECT, Switched),
    **{
        f"user {name}": (OBJECT, User)
        for name in ("add", "passwd", "role", "lock", "unlock", "rename", "reset", "delete")
    },
    "user list": (LINES, User),
    "user email": (OBJECT, OwnEmail),
    "user reset-link": (OBJECT, ResetLink),
    "jobs": (LINES, shapes.JobShown),
    "migrate": (OBJECT, shapes.Steps),
    "backup": (OBJECT, shapes.BackupMade),
    "backup list": (LIST, shapes.BackupShown),
    "backup verify": (OBJECT, shapes.BackupVerified),
    "drill": (OBJECT, shapes.DrillShown),
    "privacy report": (OBJECT, Held),
    "privacy search": (LINES, Place),
    "probe": (OBJECT, Outcome),
    "consumers list": (LINES, State),
    "consumers dead": (LINES, DeadLetter),
    "timers list": (LINES, TimerState),
    "timers dead": (LINES, DeadTimer),
    "upgrade-check": (OBJECT, findings.UpgradeReport),
    "support-bundle": (OBJECT, shapes.BundleMade),
}
# Shapes that a command prints besides.
ALSO = [shapes.TargetShown]
COMMON = {"source", "overrides", "data", "help"}


def commands(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, in the order of the help."""
    with click.Context(group) as ctx:
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            assert command is not None
            yield " ".join((*path, name)), command
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))


def reference() -> str:
    """A section for each command, then the shapes."""
    return "\n\n".join(_command(name, command) for name, command in commands())


def shapes_part() -> str:
    """Every shape that a command prints, and those inside it."""
    return "\n\n".join(f"### `{kind.__name__}`\n\n{_shape(kind)}" for kind in _all_shapes())


def codes() -> dict[str, str]:
    """The codes of problems, and those of findings, each as a table."""
    return {
        "problems": _table(problems.CODES),
        "findings": _table(findings.CODES),
    }


def _table(texts: dict[str, str]) -> str:
    rows = "\n".join(f"| `{code}` | {text} |" for code, text in texts.items())
    return f"| code | meaning |\n|---|---|\n{rows}"


def _command(name: str, command: click.Command) -> str:
    parts = [f"### `chatserver {name}`", *_help(command)]
    if options := [line for each in command.params if (line := _option(each))]:
        parts.append("\n".join(options))
    if name in SHAPES:
        form, kind = SHAPES[name]
        parts.append(f"`--json` prints {form}: [`{kind.__name__}`](#{kind.__name__.lower()}).")
    return "\n\n".join(parts)


def _help(command: click.Command) -> Iterator[str]:
    """The paragraphs of a command's help; examples, which follow a backspace, as code."""
    for part in inspect.cleandoc(command.help or "").split("\n\n"):
        if part.startswith("\b\n"):
            yield "\n".join(f"    {line}" for line in part.splitlines()[1:])
        else:
            yield wrapped(" ".join(part.split()))


def _option(option: click.Parameter) -> str:
    if not isinstance(option, click.Option) or option.name in COMMON:
        return ""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    text = " ".join((option.help or "").split())
    return item(f"{names}: {text}")


def _shape(kind: type) -> str:
    """What a shape is, and its fields with their types."""
    about = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    hints = get_type_hints(kind)
    renamed = (
        {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
        if issubclass(kind, msgspec.Struct)
        else {}
    )
    fields = ", ".join(
        f"`{renamed.get(name, name)}` ({_type(hint)})"
        for name, hint in hints.items()
        if renamed or name in getattr(kind, "_fields", ())
    )
    return f"{wrapped(about)}\n\n{item(f'Fields: {fields}.')}"


def _type(hint: Any) -> str:
    if hint is type(None):
        return "null"
    if inspect.isclass(hint) and issubclass(hint, msgspec.UnsetType):
        return ""
    plain = {str: "text", bool: "true or false", int: "whole number", float: "number", Any: "any"}
    if hint in plain:
        return plain[hint]
    inner = [_type(each) for each in get_args(hint) if not isinstance(each, str)]
    origin = get_origin(hint)
    if origin is dict:
        return f"table of {inner[-1]}"
    if (
        origin is not None and inspect.isclass(origin) and issubclass(origin, list | tuple)
    ) or "Sequence" in str(origin):
        return f"list of {inner[0]}"
    if inner:
        return " or ".join(filter(None, inner))
    if get_args(hint):
        return "one of " + ", ".join(map(str, get_args(hint)))
    name = getattr(hint, "__name__", str(hint))
    return f"[`{name}`](#{name.lower()})" if hint in _all_shapes() else "text"


def _all_shapes() -> list[type]:
    found: list[type] = []
    todo = [*(kind for _, kind in SHAPES.values()), *ALSO]
    while todo:
        kind = todo.pop(0)
        if kind not in found:
            found.append(kind)
            for hint in get_type_hints(kind).values():
                todo += [each for each in _classes(hint) if issubclass(each, msgspec.Struct)]
    return found


def _classes(hint: Any) -> Iterator[type]:
    if inspect.isclass(hint) and not get_args(hint):
        yield hint
    for each in get_args(hint):
        yield from _classes(each)
