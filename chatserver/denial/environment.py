"""Environment variables with secrets: a plugin reads those that it declares.

A variable may hold a secret if its name ends as that of a secret setting does, or if it is a setting of the server.
Reading an undeclared one is refused; whoever goes through all variables does not meet it.
"""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from chatserver.denial import attribution
from chatserver.denial.counted import Counted
from chatserver.denial.refusal import Denial

_SECRET = re.compile(
    r"(?:password|passwd|secret|token|key|uri|credentials|headers)$|^chatserver_", re.I
)
_Plain: Any = type(os.environ)


def permitted(variable: str, denial: Denial, plugin: str) -> bool:
    """Whether the plugin may read a variable."""
    powers = denial.powers(plugin)
    return powers is None or variable in powers.secrets or not _SECRET.search(variable)


def value_of(variable: str) -> str:
    """The value of a variable, whoever asks; "" if it is not set."""
    try:
        return str(_Plain.__getitem__(os.environ, variable))
    except KeyError:
        return ""


class _Guarded(_Plain):  # type: ignore[misc]
    """`os.environ` and `os.environb` while plugins are held to what they declare."""

    def __getitem__(self, key: Any) -> Any:
        name = os.fsdecode(key)
        attribution.demand(
            lambda denial, plugin: permitted(name, denial, plugin),
            "secrets",
            name,
            f"the environment variable {name}",
        )
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        plugin = attribution.now()
        held = attribution.holding(plugin)
        for key in super().__iter__():
            if not held or any(permitted(os.fsdecode(key), each, plugin) for each in held):
                yield key


def _guard() -> Callable[[], None]:
    guarded: list[Any] = [os.environ]
    if os.supports_bytes_environ:
        guarded.append(os.environb)
    before = type(os.environ)
    for each in guarded:
        each.__class__ = _Guarded  # the same objects: modules may have imported them by name

    def remove() -> None:
        for each in guarded:
            each.__class__ = before

    return remove


guarded = Counted(_guard).held
