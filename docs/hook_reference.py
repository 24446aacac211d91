"""Makes the pages of docs/plugins/reference on hooks, their types and actions, from where those are declared.

`docs/generate.py` writes them. A hook's docstring is its contract, so it stands there unchanged.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from types import ModuleType
from typing import Any, TypeVar

import msgspec
from since import since
from wrapping import item

from chatserver.hooks import actions, commands, login, timing, types
from chatserver.hooks.specs import Hooks
from chatserver.model import AnyEvent, MemberEvent, MessageChange

MODULES = re.compile(r"\b(?:chatserver|collections|pathlib|typing)(?:\.[a-z]+)*\.")

HOOKS_HEAD = """\
# Reference: hooks

Every hook, as [chatserver/hooks/specs.py](../../../chatserver/hooks/specs.py) declares it. The rules for all of them
are in [Hooks](../hooks.md), the types of their arguments and results in [Types](types.md). A method takes the arguments
that it needs, by name.

This page is generated from the code."""
TYPES_HEAD = """\
# Reference: types of hooks

What the [hooks](hooks.md) take and return. All are imported from `chatserver`. Fields have the defaults that are shown;
structs are frozen, and made with their fields by name.

This page is generated from the code."""
ACTIONS_HEAD = """\
# Reference: actions

What `change_action` and `check_action` are asked about; the rules are in [What users do](../actions.md).

This page is generated from the code."""
# The sections of the page, and the beginnings of the hooks in them.
KINDS = {
    "Parts of the server": ("provide_",),
    "Additions": ("register_",),
    "Changes, checks and filters": ("change_", "check_", "filter_"),
    "What has happened": ("on_",),
    "Start and stop": ("startup", "shutdown"),
}
IN_CONTEXT = ("Timers", "ExpiringRecords", "WallClock")  # on the page about the context

CODE_CHARS = 100  # in a line; longer ones are broken as ruff does
CALL_CHARS = 80  # a span of code is not split
# Unions that have a public name, by which they are shown; the longest first.
UNIONS = {"AnyEvent": AnyEvent, "MessageChange": MessageChange, "MemberEvent": MemberEvent}


def bare(text: str) -> str:
    """Types by the names that plugins import."""
    text = MODULES.sub("", text)
    for name, union in UNIONS.items():
        text = text.replace(MODULES.sub("", str(union)), name)
    return text.replace("~", "")


def hooks_page() -> str:
    """Every hook, by its kind, with a table in front."""
    parts = [HOOKS_HEAD, _contents()]
    for title, beginnings in KINDS.items():
        parts += [f"## {title}", *(_hook(name) for name in _names(beginnings))]
    return "\n\n".join(parts) + "\n"


def types_page() -> str:
    """The types that hooks take and return."""
    parts = [
        TYPES_HEAD,
        "## Of hooks",
        *_types(types, timing),
        "## Of commands",
        *_types(commands),
        "## Of ways to sign in",
        *_types(login),
    ]
    return "\n\n".join(parts) + "\n"


def actions_page() -> str:
    """What users do."""
    return "\n\n".join([ACTIONS_HEAD, *_types(actions)]) + "\n"


def signature(name: str) -> str:
    """The hook's declaration without its docstring, as a plugin writes it."""
    source = textwrap.dedent(inspect.getsource(getattr(Hooks, name)))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    function.decorator_list = []
    function.body = [ast.Expr(ast.Constant(...))]
    declared = " ".join(ast.unparse(function).split())
    if len(declared) <= CODE_CHARS:
        return declared
    head, _, rest = declared.partition("(")
    arguments, _, returned = rest.rpartition(") -> ")
    return f"{head}(\n    {arguments}\n) -> {returned}"


def _names(beginnings: tuple[str, ...]) -> list[str]:
    """The hooks whose name begins so."""
    return [name for name in vars(Hooks) if name.startswith(beginnings)]


def _contents() -> str:
    """A row for each hook: a link, and the first line of its docstring."""
    rows = ["| hook | what it is for |", "|---|---|"]
    for name in [name for beginnings in KINDS.values() for name in _names(beginnings)]:
        summary = _text(getattr(Hooks, name)).partition("\n")[0]
        rows.append(f"| [`{name}`](#{name}) | {summary} |")
    return "\n".join(rows)


def _hook(name: str) -> str:
    text = _text(getattr(Hooks, name))
    shown = f"```python\n{signature(name)}\n```"
    return "\n\n".join([f"### `{name}`", shown, text, since("hooks", name)])


def documented() -> set[str]:
    """The names of the types on these pages."""
    return {
        name for module in (types, timing, commands, login, actions) for name, _ in _own(module)
    }


def described(name: str, kind: type[Any]) -> str:
    """A type with its fields or methods."""
    parts = (f"### `{name}`", _text(kind), _fields(kind), since("names", name))
    return "\n\n".join(part for part in parts if part)


def _types(*modules: ModuleType) -> Iterator[str]:
    return (described(name, kind) for module in modules for name, kind in _own(module))


def _own(module: ModuleType) -> list[tuple[str, type[Any]]]:
    return [
        (name, kind)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and name not in IN_CONTEXT
    ]


def _fields(kind: Any) -> str:
    if not issubclass(kind, msgspec.Struct):
        return _members(kind)
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    annotations: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        annotations |= vars(base).get("__annotations__", {})
    required = [msgspec.NODEFAULT] * (len(names) - len(defaults))
    return "\n".join(
        f"    {name}: {_type(annotations[name])}{_default(default)}"
        for name, default in zip(names, [*required, *defaults], strict=True)
    )


def _members(kind: Any) -> str:
    """A list of the attributes and methods of a protocol, each with its docstring."""
    annotations = getattr(kind, "__annotations__", {})
    rows = [
        f"- `{name}: {_type(of)}`" for name, of in annotations.items() if not name.startswith("_")
    ]
    for name, member in vars(kind).items():
        if isinstance(member, property):
            of = inspect.signature(member.fget).return_annotation
            rows.append(_row(f"{name}: {_type(of)}", member))
        elif inspect.isfunction(member) and not name.startswith("_"):
            first = "async " if inspect.iscoroutinefunction(member) else ""
            shown = _call(inspect.signature(member))
            rows.append(_row(f"{first}{name}{shown.replace('(self)', '()')}", member))
    return "\n".join(rows)


def _call(signature: inspect.Signature) -> str:
    """The signature without `self`; without types if it would not fit into a line."""
    shown = bare(str(signature))
    if len(shown) > CALL_CHARS:
        untyped = [
            each.replace(
                annotation=each.empty,
                default=each.default if each.default is each.empty else ...,
            )
            for each in signature.parameters.values()
        ]
        shown = bare(str(signature.replace(parameters=untyped))).replace("=Ellipsis", "=…")
    return shown.replace("(self, ", "(")


def _row(shown: str, member: Any) -> str:
    text = " ".join(_text(member).split())
    return item(f"`{shown}`: {text}" if text else f"`{shown}`")


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return ""
    if type(value).__name__ == "Factory":  # of a mutable value
        value = value.factory()
    return f" = {_shown(value)}"


def _shown(value: Any) -> str:
    """A default as a plugin would write it."""
    if inspect.isclass(value):
        return str(value.__name__)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple) and value:
        return f"({', '.join(map(_shown, value))})"
    return repr(value)


def _type(annotation: Any) -> str:
    """A type by the name that plugins import."""
    is_named = inspect.isclass(annotation) or isinstance(annotation, TypeVar)
    text = annotation.__name__ if is_named else str(annotation)
    return bare(text)


def _text(documented: Any) -> str:
    return inspect.getdoc(documented) or ""
