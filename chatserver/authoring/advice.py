"""Reads the sources of a plugin and names what will hurt later: private imports, blocking calls, stray names.

Each finding has a stable code. It is advice, not proof: code that is reached in other ways is not seen.
"""

import ast
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import chatserver
from chatserver.authoring.bounds import bound, problem
from chatserver.config.settings import describe
from chatserver.errors import StartupError
from chatserver.hooks.loading import JUDGING_HOOKS, settings_type
from chatserver.hooks.powers import PARTS, Powers, powers_of
from chatserver.service.service import Service

CODES = {
    "import.private": "It imports what may change without notice.",
    "import.plugin": "It imports another plugin, which an operator may turn off.",
    "call.blocking": "A call in an `async def`, or in a hook, stops the whole server until it returns.",
    "metric.prefix": "The name of a metric does not begin with the plugin's.",
    "version.bound": "Its package does not say which versions of the server it is for.",
    "setting.description": "A setting has no description for the reference.",
    "power.undeclared": "It uses a part of the service that its `powers` do not name.",
}
PUBLIC = ("chatserver", "chatserver.testing")
# Dotted names of what blocks, as they are called. A name with a dot in front may belong to any object.
BLOCKING = {
    *("time.sleep", "open", "input", "os.system", "os.popen", "socket.create_connection"),
    *("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"),
    *("urllib.request.urlopen", "urlopen", "sqlite3.connect"),
    *(f"requests.{verb}" for verb in ("get", "post", "put", "patch", "delete", "request")),
    *(f"httpx.{verb}" for verb in ("get", "post", "put", "patch", "delete", "request")),
    *(f".{name}" for name in ("read_text", "read_bytes", "write_text", "write_bytes")),
}
# The names by which plugins hold what they get, and the parts of the service behind the shorter ways of `Context`.
SERVICE, CONTEXT = ("service", "_service"), ("context", "_context")
SHORTER = {"claim": "claims.add", "release": "claims.release", "bot": "accounts.bot"}
MAKERS = ("counter", "gauge", "histogram")  # of `Measures`


class Advice(NamedTuple):
    """One finding. `line` counts from 1."""

    code: str
    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code}: {self.text}"


def advice(name: str, kind: type[Any], distribution: str) -> list[Advice]:
    """All findings about a plugin's class and the files of its package, by file and line."""
    found: list[Advice] = []
    if wrong := problem(distribution):
        text = f"{distribution}: {wrong}; expected {bound()}"
        found.append(Advice("version.bound", Path(inspect.getfile(kind)), 1, text))
    powers = powers_of(name, kind) or Powers()
    for path in _sources(kind):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        found += _of_imports(path, tree, _package(kind))
        found += _of_calls(path, tree)
        found += _of_metrics(name, path, tree)
        found += _of_powers(powers, path, tree)
    found += _of_settings(name, kind, Path(inspect.getfile(kind)))
    return sorted(found, key=lambda each: (each.path, each.line, each.code))


def _package(kind: type[Any]) -> str:
    return kind.__module__.partition(".")[0]


def _sources(kind: type[Any]) -> list[Path]:
    """The plugin's files: its package's, or the one file."""
    try:
        path = Path(inspect.getfile(kind))
    except TypeError as error:
        raise StartupError(f"{kind.__name__}: its source cannot be found") from error
    if path.name == "__init__.py" or "." in kind.__module__:
        return sorted(path.parent.rglob("*.py"))
    return [path]


def _of_imports(path: Path, tree: ast.Module, own: str) -> Iterator[Advice]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            wanted = [(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for module, name in wanted:
            first = module.partition(".")[0]
            shown = f"{module}.{name}" if name else module
            if first == "chatserver" and not _is_public(module, name):
                text = f"{shown} is private: import from chatserver or chatserver.testing"
                yield Advice("import.private", path, node.lineno, text)
            elif first.startswith("chatserver_") and first != own:
                yield Advice("import.plugin", path, node.lineno, f"{shown} is of another plugin")


def _is_public(module: str, name: str) -> bool:
    if module == "chatserver":
        return not name or name in chatserver.__all__ or name == "testing"
    return module == "chatserver.testing" or module.startswith("chatserver.testing.")


def _of_calls(path: Path, tree: ast.Module) -> Iterator[Advice]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) or _is_plain_judge(node):
            for call in _own_calls(node):
                name = _dotted(call.func)
                last = f".{name.rpartition('.')[2]}"
                if name in BLOCKING or ("." in name and last in BLOCKING):
                    text = f"{name} blocks: {_instead(node)}"
                    yield Advice("call.blocking", path, call.lineno, text)


def _is_plain_judge(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    """Whether this is a hook for messages, actions, lists or searches that is a plain function."""
    if not isinstance(node, ast.FunctionDef) or node.name not in JUDGING_HOOKS:
        return False
    marks = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
    return any(_dotted(mark).rpartition(".")[2] == "hookimpl" for mark in marks)


def _instead(node: ast.AST) -> str:
    way = "await asyncio.to_thread(…)"
    if isinstance(node, ast.AsyncFunctionDef):
        return f"{way} instead"
    return f"write the hook as async def, and {way}"


def _own_calls(function: ast.AsyncFunctionDef | ast.FunctionDef) -> Iterator[ast.Call]:
    """The calls in a function, without those in functions that it defines."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _of_metrics(name: str, path: Path, tree: ast.Module) -> Iterator[Advice]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        first = node.args[0]
        if node.func.attr in MAKERS and isinstance(first, ast.Constant):
            metric = first.value
            if isinstance(metric, str) and not metric.startswith(f"{name}_"):
                text = f"{metric}: expected a name that begins with {name}_"
                yield Advice("metric.prefix", path, node.lineno, text)


def _of_powers(powers: Powers, path: Path, tree: ast.Module) -> Iterator[Advice]:
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        used = _part_used(_dotted(node).split("."))
        if used and used not in powers.service and used.partition(".")[0] not in powers.service:
            text = f"{used} of the service is not declared: add it to the powers of the class"
            yield Advice("power.undeclared", path, node.lineno, text)


def _part_used(names: Sequence[str]) -> str:
    """The part of the service, with its method, that a dotted name reaches; "" for none, or if it is only held."""
    for place, name in enumerate(names[:-1]):
        rest = names[place + 1 :]
        if name in SERVICE and rest[0] in PARTS:
            is_used = len(rest) > 1 or callable(getattr(Service, rest[0], None))
            return ".".join(rest[:2]) if is_used else ""
        if name in CONTEXT and rest[0] in SHORTER:
            return SHORTER[rest[0]]
        if name in CONTEXT and rest[0] in ("messages", "blobs") and len(rest) > 1:
            return ".".join(rest[:2])
    return ""


def _of_settings(name: str, kind: type[Any], path: Path) -> Iterator[Advice]:
    for setting in describe(settings_type(kind)):
        if not setting.description:
            line = inspect.getsourcelines(kind)[1]
            text = f"plugin.{name}.{setting.key} has no description (msgspec.Meta)"
            yield Advice("setting.description", path, line, text)


def _dotted(node: ast.expr) -> str:
    """The name of what is called, such as `time.sleep`; of an unnamed object only the last part."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))
