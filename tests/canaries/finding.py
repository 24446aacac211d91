"""Finds the private names of libraries that the project uses, by reading its sources.

A name is private if it begins with one underscore. It is a library's if it is imported from there, if it is
read or written on an object other than `self`, or if a class of the project has it in common with a base class of
a library: then one of the two overrides the other's, or uses it.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import chatserver
import chatserver_plugins

ROOT = Path(chatserver.__file__).parents[1]
PACKAGES = {
    "chatserver": Path(chatserver.__file__).parent,
    "chatserver_plugins": Path(chatserver_plugins.__file__).parent,
}
# Documented, in spite of the underscore.
PUBLIC = {"_asdict", "_current_frames", "_exit", "_fields", "_make", "_replace"}
BY_TEXT = {"attrgetter", "delattr", "getattr", "hasattr", "setattr"}  # take a name as a text


class Use(NamedTuple):
    """One place that uses a private name; the path is relative to the project's folder."""

    path: str
    line: int
    name: str


def is_private(name: str) -> bool:
    return name[:1] == "_" and name[:2] != "__" and name != "_" and name not in PUBLIC


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def sources() -> Iterator[tuple[str, Path]]:
    """Each module's name and file."""
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *parts)).removesuffix(".__init__"), path


def uses() -> set[Use]:
    """All uses of private names of libraries in the project's sources."""
    found: set[Use] = set()
    for module, path in sources():
        shown = path.relative_to(ROOT).as_posix()
        found |= {Use(shown, line, name) for line, name in in_source(path.read_text("utf-8"))}
        if path.stem != "__main__":  # importing that would run it; it has no classes
            found |= {Use(shown, line, name) for line, name in in_classes(module)}
    return found


# -- on other objects, and imported ----------------------------------------------------------------


def in_source(text: str) -> Iterator[tuple[int, str]]:
    """Line and name of each private name that is imported, or used on another object than `self`."""
    for node in ast.walk(ast.parse(text)):
        for name in filter(is_private, _names_in(node)):
            yield node.lineno, name  # type: ignore[attr-defined]


def _names_in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super"))):
            return  # `in_classes` tells which of them are a library's
        case ast.Attribute(attr=name):
            yield name
        case ast.Import(names=aliases):
            for alias in aliases:
                yield from alias.name.split(".")
        case ast.ImportFrom(module=str() as module, names=aliases) if not is_ours(module):
            yield from module.split(".")
            yield from (alias.name for alias in aliases)
        case ast.Call(args=[ast.Name(id="self"), *_]):
            return  # the same
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=arguments):
            yield from _given_as_text(function, arguments)
        case _:
            return


def _given_as_text(function: str, arguments: list[ast.expr]) -> Iterator[str]:
    """Attributes in getattr(x, "_y") and type("X", (), {"_y": 1})."""
    for argument in arguments:
        if isinstance(argument, ast.Dict) and function == "type":
            yield from _given_as_text("getattr", [key for key in argument.keys if key])
        elif function in BY_TEXT and isinstance(argument, ast.Constant):
            yield str(argument.value)


def names_on_self(scope: ast.AST) -> set[str]:
    """The private names that a class defines, or uses on `self`."""
    return set(_lines_on_self(scope))


def _lines_on_self(scope: ast.AST) -> dict[str, int]:
    """The same, each with the first line that has it."""
    found: dict[str, int] = {}
    for node in ast.walk(scope):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                found.setdefault(name, node.lineno)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
                found.setdefault(name, node.lineno)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.setdefault(name, node.lineno)
            case ast.Name(id=name, ctx=ast.Store()):
                found.setdefault(name, node.lineno)
            case ast.Constant(value=str() as name):  # __slots__, and hasattr(self, "_x")
                found.setdefault(name, node.lineno)
    return {name: line for name, line in found.items() if is_private(name)}


# -- in common with a base class of a library ------------------------------------------------------


def in_classes(module: str) -> Iterator[tuple[int, str]]:
    """Line and name of each private name that a class of the module has in common with a library's base class."""
    loaded = importlib.import_module(module)
    for kind in vars(loaded).values():
        if not inspect.isclass(kind) or kind.__module__ != module:
            continue
        theirs = set().union(*(names_of(base) for base in kind.__mro__[1:] if is_library(base)))
        if theirs:
            first, tree = _parsed(kind)
            for name, line in _lines_on_self(tree).items():
                if name in theirs:
                    yield first + line - 1, name


def is_library(base: type) -> bool:
    return not is_ours(base.__module__) and base.__module__ not in ("abc", "builtins", "typing")


@cache
def names_of(kind: type) -> frozenset[str]:
    """The private names of a library's class: what it defines, and what it uses on its instances."""
    found = {*vars(kind)} | set(getattr(kind, "__annotations__", ()))
    with suppress(OSError, TypeError):  # compiled
        found |= names_on_self(_parsed(kind)[1])
    return frozenset(filter(is_private, found))


def _parsed(kind: type) -> tuple[int, ast.AST]:
    """The class's first line and its syntax tree."""
    lines, first = inspect.getsourcelines(kind)
    return first, ast.parse(textwrap.dedent("".join(lines)))
