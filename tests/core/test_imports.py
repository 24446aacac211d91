"""The allowed imports between the project's packages, checked by reading the sources."""

import ast
import inspect
import re
from collections import deque
from collections.abc import Container, Iterator, Mapping, Set
from fnmatch import fnmatch
from pathlib import Path

import pytest

import chatserver
import chatserver_plugins

CORE = Path(chatserver.__file__).parent
PLUGINS = Path(chatserver_plugins.__file__).parent
DRIVERS = {
    "tornado",
    "pymongo",
    "motor",
    "bson",
    "gridfs",
    "ariadne",
    "graphql",
    "prometheus_client",
}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Each (module, name) that a file imports; the name is empty where it is the module itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((node.module or "", alias.name) for alias in node.names)


def modules(path: Path) -> set[str]:
    """The modules of the project that a file imports, and the top level of all others."""
    found = set()
    for module, name in imports(path):
        if module == "chatserver" and name:
            submodule = (CORE / f"{name}.py").exists() or (CORE / name).is_dir()
            found.add(f"chatserver.{name}" if submodule else "chatserver")
        elif module.startswith("chatserver"):
            found.add(module)
        else:
            found.add(module.partition(".")[0])
    return found


def ours(path: Path) -> set[str]:
    return {name for name in modules(path) if name.partition(".")[0].startswith("chatserver")}


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("name", ["model", "errors", "version"])
def test_the_ground_floor_imports_nothing_of_the_project(name: str) -> None:
    assert ours(CORE / f"{name}.py") == set()


def test_the_interfaces_import_the_model_and_errors_only() -> None:
    assert ours(CORE / "interfaces.py") <= {"chatserver.model", "chatserver.errors"}


@pytest.mark.parametrize("path", files(CORE), ids=lambda path: path.relative_to(CORE).as_posix())
def test_the_core_knows_no_driver_and_no_plugin(path: Path) -> None:
    found = {name.partition(".")[0] for name in modules(path)}
    parts = CORE / "web", CORE / "probe", CORE / "client"  # the last two are programs of their own
    alone = CORE / "app.py", CORE / "testing/running.py"  # the second is a client, too
    web = any(map(path.is_relative_to, parts)) or path in alone
    assert found & DRIVERS <= ({"tornado"} if web else set())
    hooks = {CORE / "hooks" / name for name in ("specs.py", "calls.py", "loading.py")}
    assert "pluggy" not in found or path in hooks
    # The command restarts on changes of the plugins' files, and asks only where those are.
    assert "chatserver_plugins" not in found or path == CORE / "cli" / "reload.py"


BELOW_THE_DOORS = [
    *files(CORE / "service"),
    *files(CORE / "delivery"),
    *files(CORE / "roomlog"),
    CORE / "protocol.py",
]


@pytest.mark.parametrize(
    "path", BELOW_THE_DOORS, ids=lambda path: path.relative_to(CORE).as_posix()
)
def test_the_service_knows_no_door(path: Path) -> None:
    doors = ("chatserver.web", "chatserver.app", "chatserver.cli", "chatserver.hooks.loading")
    assert not [name for name in ours(path) if name.startswith(doors)]


@pytest.mark.parametrize(
    "path", files(PLUGINS), ids=lambda path: path.relative_to(PLUGINS).as_posix()
)
def test_a_plugin_uses_public_names_and_its_own_files(path: Path) -> None:
    own = f"chatserver_plugins.{path.relative_to(PLUGINS).parts[0]}"
    for module, name in imports(path):
        if module == "chatserver":
            assert not name or name in chatserver.__all__, f"{name} is not public"
        elif module.startswith("chatserver."):
            pytest.fail(f"{module} is not public")
        elif module == "chatserver_plugins":
            assert f"{module}.{name}" == own, f"{name} is another plugin"
        elif module.startswith("chatserver_plugins"):
            assert module == own or module.startswith(own + "."), f"{module} is another plugin"


@pytest.mark.parametrize(
    "path", files(PLUGINS), ids=lambda path: path.relative_to(PLUGINS).as_posix()
)
def test_a_plugin_takes_public_names_only_from_the_package(path: Path) -> None:
    """`chatserver.x.y` would reach behind the public names though nothing of it is imported."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "chatserver"
        ):
            assert node.attr in chatserver.__all__, f"chatserver.{node.attr} is not public"


def test_public_names_are_sorted_and_there() -> None:
    # Constants come first, as the linter wants them.
    names = sorted(chatserver.__all__, key=lambda name: (not name.isupper(), name))
    assert chatserver.__all__ == names
    assert [name for name in chatserver.__all__ if not hasattr(chatserver, name)] == []


PUBLIC = {name: getattr(chatserver, name) for name in chatserver.__all__}


@pytest.mark.parametrize(
    "name", [name for name, it in PUBLIC.items() if inspect.isclass(it) or inspect.isfunction(it)]
)
def test_a_public_name_has_a_docstring(name: str) -> None:
    text = PUBLIC[name].__doc__
    assert text
    assert not text.startswith(f"{name}("), "that is what Python makes of a tuple's fields"


# -- circles -----------------------------------------------------------------------------------------


def sources() -> dict[str, Path]:
    """The file of each module of the project."""
    found = {}
    for package in (chatserver, chatserver_plugins):
        top = Path(package.__file__).parent
        for path in files(top):
            parts = [package.__name__, *path.relative_to(top).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def reached(module: str, name: str, modules: Container[str]) -> Iterator[str]:
    """The modules that an import runs: the one named, and the packages that it lies in."""
    full = f"{module}.{name}" if f"{module}.{name}" in modules else module
    while full:
        if full in modules:
            yield full
        full = full.rpartition(".")[0]


def circles(graph: Mapping[str, Set[str]]) -> list[list[str]]:
    """A way from a module back to itself for each module that has one, shortest first."""
    found = []
    for start in graph:
        ways = deque([[start]])
        seen: set[str] = set()
        while ways:
            way = ways.popleft()
            if start in graph[way[-1]]:
                found.append(way)
                break
            new = graph[way[-1]] - seen
            seen |= new
            ways.extend([*way, each] for each in sorted(new))
    return sorted(found, key=len)


def test_no_file_needs_itself_by_way_of_others() -> None:
    """Imports within functions count, and those for type checkers, too."""
    known = sources()
    graph = {}
    for module, path in known.items():
        found = {each for pair in imports(path) for each in reached(*pair, known)}
        own_packages = {each for each in found if module.startswith(each + ".")}
        graph[module] = found - own_packages - {module}
    assert circles(graph) == []


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set[str]()}
    assert circles(graph) == [["b", "c"], ["c", "b"]]


def test_a_plugin_leaves_the_hub_to_the_service() -> None:
    """Plugins have `service.connections`; the hub, the cache of rooms and the log are behind it."""
    inner = {"hub", "log", "_hub", "_log"}
    for path in files(PLUGINS):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in inner:
                assert not ast.unparse(node.value).endswith("service"), f"{path}:{node.lineno}"


# -- lists of files ----------------------------------------------------------------------------------

LISTED = [
    path
    for path in files(CORE)
    if path.name == "__init__.py"
    and ".py" in str(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))
]


@pytest.mark.parametrize("path", LISTED, ids=lambda path: path.relative_to(CORE).as_posix())
def test_a_package_that_lists_its_files_names_all_of_them(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    named = set(re.findall(r"[\w*]+\.py", text))
    there = {each.name for each in path.parent.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert [name for name in there if not any(fnmatch(name, each) for each in named)] == []
    assert {name for name in named if "*" not in name} - there <= {"interfaces.py"}
