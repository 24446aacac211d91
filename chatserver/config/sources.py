"""Merges the sources of settings (TOML file, environment, command line) into one tree."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from chatserver.config.enabled import after
from chatserver.config.renamed import successor
from chatserver.config.sections import PluginsConfig
from chatserver.config.settings import Text, converted
from chatserver.errors import StartupError
from chatserver.process.folders import packaged

PREFIX = "CHATSERVER_"
SOURCE = "CHATSERVER_CONFIG"
COMMAND_LINE = "command line"
SYSTEM = Path("/etc/chatserver")
ENABLED = ["plugins", "enabled"]
SourceKind: TypeAlias = Literal["file", "environment", "command_line"]
ALIASES = {"LOG_LEVEL": "logging.level", "APP_VERSION": "logging.version"}
# Kubernetes describes the service `chatserver` to every pod in variables with these names.
_SERVICE_LINK = re.compile(
    r"CHATSERVER_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)"
)


class Sources:
    """The merged raw tree, and the origin of each key that was set. Later additions win.

    Invalid values are left out of the tree, each with a line in `problems`.
    """

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        self.tree: dict[str, Any] = {}
        self.origin: dict[str, str] = {}
        self.problems: list[str] = []
        self._sections = {
            section.name: {key.name for key in msgspec.structs.fields(section.type)}
            for section in msgspec.structs.fields(kind)
            if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct)
        }

    def add_file(self, source: str | None) -> None:
        """Read a TOML file, given by a path or by a name for `find`."""
        if source is None:
            return
        try:
            label, table = _read(source)
        except StartupError as error:
            self.problems.append(str(error))
            return
        for key, value in _leaves(table):
            self._set(key, value, label)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Read every variable with our prefix; `…_FILE` names a file with the value."""
        for name, alias in ALIASES.items():
            if environ.get(name):
                self._set(alias.split("."), Text(environ[name]), name)
        seen: dict[tuple[str, ...], str] = {}
        for name in sorted(environ):
            if (
                not name.startswith(PREFIX)
                or name == SOURCE
                or _is_service_link(name, environ[name])
            ):
                continue
            try:
                self._add_variable(name, environ[name], seen)
            except StartupError as error:
                self.problems.append(str(error))

    def _add_variable(self, name: str, value: str, seen: dict[tuple[str, ...], str]) -> None:
        key, from_file = self._variable(name)
        if tuple(key) in seen:
            raise StartupError(f"{name}: {seen[tuple(key)]} is set too, expected one of them")
        seen[tuple(key)] = name
        self._set(key, Text(_content(name, value) if from_file else value), name)

    def add_overrides(self, overrides: Mapping[str, object]) -> None:
        """Add the values of the command line, by dotted key."""
        for key, value in overrides.items():
            if not all(key.split(".")):
                self.problems.append(f"{COMMAND_LINE}: {key}: expected a key such as server.port")
                continue
            self._set(
                key.split("."), Text(value) if isinstance(value, str) else value, COMMAND_LINE
            )

    def tables(self, section: str) -> list[tuple[str, dict[str, Any]]]:
        """The tables inside a section; none if it is not a table."""
        tables = self.tree.get(section)
        if not isinstance(tables, dict):
            return []
        return [(name, table) for name, table in tables.items() if isinstance(table, dict)]

    def where(self, key: str) -> str:
        return self.locate(self.origin, key)

    @staticmethod
    def locate(origin: Mapping[str, str], key: str) -> str:
        """A key with its origin; a table has the origin of its first key, or of the enclosing table."""
        found = origin.get(key) or next(_within(origin, key), None)
        if found is not None and _is_variable(found):
            return found
        parent = key.rpartition(".")[0]
        if found is None and parent:
            found = next(
                (label for label in _within(origin, parent) if not _is_variable(label)), None
            )
        return f"{found}: {key}" if found else key

    def _variable(self, name: str) -> tuple[list[str], bool]:
        """The key that a variable sets, and whether its value is the name of a file."""
        key = name.removeprefix(PREFIX).lower().split("__")
        plugin = key[0] == "plugin"
        if len(key) < (3 if plugin else 2) or not all(key):
            raise StartupError(f"{name}: unknown variable{self._hint(key)}")
        keys = self._sections.get(key[0], set())
        if not key[-1].endswith("_file") or (not plugin and key[-1] in keys):
            return key, False
        return [*key[:-1], key[-1].removesuffix("_file")], True

    def _hint(self, key: list[str]) -> str:
        for section, keys in self._sections.items():
            rest = "_".join(key).removeprefix(f"{section}_")
            if rest in keys:
                return f" (did you mean {PREFIX}{section.upper()}__{rest.upper()}?)"
        return f", expected {PREFIX}SECTION__KEY"

    def _set(self, key: list[str], value: Any, label: str) -> None:
        if now := successor(".".join(key)):
            self.origin[".".join(key)] = label
            name = PREFIX + now.replace(".", "__").upper() if _is_variable(label) else now
            self.problems.append(f"{self.where('.'.join(key))}: it is called {name} now")
            return
        table = self.tree
        for depth, name in enumerate(key[:-1], 1):
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                path = self.where(".".join(key[:depth]))
                self.problems.append(f"{path}: expected a table, got {table!r}")
                return
        self.origin[".".join(key)] = label
        table[key[-1]] = self._enabled(table, value) if key == ENABLED else value

    def _enabled(self, table: dict[str, Any], value: Any) -> Any:
        """The list of plugins after a value that may have changes; what is no list is reported later."""
        try:
            given = converted(value, list[str])
        except (ValueError, TypeError):
            return value
        before = table.get("enabled", PluginsConfig().enabled)
        try:
            return after(before, given)
        except ValueError as error:
            self.problems.append(f"{self.where('plugins.enabled')}: {error}")
            return before


def find(source: str) -> tuple[str, Path]:
    """The file for `source`, preceded by its path for messages. Raises `StartupError`.

    A bare name is looked up in these places, and the first file wins: NAME.toml and config/NAME.toml in the
    working directory, chatserver/NAME.toml in the user's configuration folder (XDG_CONFIG_HOME, else
    ~/.config), /etc/chatserver/NAME.toml, and the configurations shipped with the server.
    """
    if "/" in source or source.endswith(".toml"):
        return source, Path(source)
    places = [folder / f"{source}.toml" for folder in folders()]
    for file in places:
        if _is_file(file):
            return str(file), file
    looked = ", ".join(map(str, places))
    raise StartupError(f"{source}: no such configuration (looked for {looked})")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # an impossible file name
        return False


def kind_of(label: str) -> SourceKind:
    """The kind of source that a label of `Sources.origin` names."""
    if label == COMMAND_LINE:
        return "command_line"
    return "environment" if _is_variable(label) else "file"


def folders() -> Iterator[Path]:
    """The folders in which `find` looks, in order."""
    yield Path()
    yield Path("config")
    home = os.environ.get("XDG_CONFIG_HOME", "")
    with suppress(RuntimeError):  # a user without a home folder
        yield (Path(home) if home else Path.home() / ".config") / "chatserver"
    yield SYSTEM
    folder = packaged("chatserver_config")
    if folder is not None:
        yield folder


def _read(source: str) -> tuple[str, dict[str, Any]]:
    """The path of a TOML file, and its content. Raises `StartupError`."""
    label, file = find(source)
    try:
        return label, tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise StartupError(f"{label}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise StartupError(f"{label}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{label}: {error}") from None


def _within(origin: Mapping[str, str], table: str) -> Iterator[str]:
    return (label for key, label in origin.items() if key.startswith(f"{table}."))


def _is_variable(label: str) -> bool:
    return label in ALIASES or label.startswith(PREFIX)


def _leaves(
    table: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[list[str], Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield [*path, name], value


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise StartupError(f"{name}: {path}: {reason}") from None


def _is_service_link(name: str, value: str) -> bool:
    if "__" in name:
        return False
    address = value.startswith(("tcp://", "udp://", "sctp://"))
    return bool(_SERVICE_LINK.fullmatch(name)) or (name.endswith("PORT") and address)
