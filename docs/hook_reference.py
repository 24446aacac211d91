"""Makes the pages of docs/plugins/reference on hooks, their types and actions, from where those are declared.

`docs/generate.py` writes them. A hook's docstring is its contract, so it stands there unchanged.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from since import since
from type_reference import described, text_of

from chatserver.hooks import actions, commands, login, telling, timing, types
from chatserver.hooks.specs import Hooks

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

What `change_action` and `check_action` are asked about; the rules are in [What users do](../actions.md). Fields that a
change may not replace stay as they were.

This page is generated from the code."""
# The sections of the page, and the beginnings of the hooks in them.
KINDS = {
    "Parts of the server": ("provide_", "wrap_"),
    "Additions": ("register_",),
    "Changes, checks and filters": ("change_", "check_", "filter_"),
    "What plugins know": ("find_", "threads_"),
    "What has happened": ("on_",),
    "Start and stop": ("startup", "shutdown"),
}
IN_CONTEXT = ("Timers", "ExpiringRecords", "WallClock")  # on the page about the context

CODE_CHARS = 100  # in a line; longer ones are broken as ruff does


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
        *_types(types, timing, telling),
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
        summary = text_of(getattr(Hooks, name)).partition("\n")[0]
        rows.append(f"| [`{name}`](#{name}) | {summary} |")
    return "\n".join(rows)


def _hook(name: str) -> str:
    text = text_of(getattr(Hooks, name))
    shown = f"```python\n{signature(name)}\n```"
    return "\n\n".join([f"### `{name}`", shown, text, since("hooks", name)])


def documented() -> set[str]:
    """The names of the types on these pages."""
    return {
        name
        for module in (types, timing, telling, commands, login, actions)
        for name, _ in _own(module)
    }


def _types(*modules: ModuleType) -> Iterator[str]:
    return (described(name, kind) for module in modules for name, kind in _own(module))


def _own(module: ModuleType) -> list[tuple[str, type[Any]]]:
    return [
        (name, kind)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and name not in IN_CONTEXT
    ]
