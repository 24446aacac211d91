"""Finds the plugins of a server, validates them, and registers them in the order of the configuration.

Plugins come from entry points and a folder of files. Their settings and hooks are validated, and the hooks
registered with pluggy. `chatserver.hooks.calls` calls the registered hooks.
"""

import difflib
import importlib.machinery
import importlib.util
import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Set
from importlib.metadata import Distribution, entry_points
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import msgspec
import pluggy

from chatserver.config import Config
from chatserver.config.settings import Table, convert, describe, is_secret
from chatserver.errors import StartupError
from chatserver.hooks.actions import ACTIONS
from chatserver.hooks.active import FILTERS
from chatserver.hooks.guard import Call
from chatserver.hooks.policy import Policy, policy_of, with_policy
from chatserver.hooks.powers import Declared, Powers, powers_of
from chatserver.hooks.specs import ACTIONS_OF, DATA_OF, MATCHING_OF, PROJECT, Hooks
from chatserver.hooks.types import EVENT_KINDS, Settings
from chatserver.version import __version__

GROUP = "chatserver.plugins"
ACTION_HOOKS = ("change_action", "check_action")
MESSAGE_HOOKS = ("change_message", "check_message")
JUDGING_HOOKS = (*MESSAGE_HOOKS, *ACTION_HOOKS, *FILTERS)


class Source(NamedTuple):
    """The origin of a plugin. `load` imports it and returns its class, which is `attribute` of `module`."""

    name: str
    distribution: str
    version: str
    load: Callable[[], type[Any]]
    module: str
    attribute: str


class Plugin(NamedTuple):
    """An enabled plugin, made from its settings."""

    name: str
    instance: Any


class PluginRow(NamedTuple):
    """One plugin's row in `chatserver plugins`. `order` counts from 1; 0 means off.

    `powers` is null for a plugin that does not declare them. `secret_settings` are those that are never shown.
    """

    name: str
    distribution: str
    version: str
    enabled: bool
    order: int
    hooks: list[str]
    settings: list[str]
    problem: str
    powers: Powers | None
    secret_settings: list[str]


class Plugins:
    """The plugins that are on, registered and checked, in the order of the configuration."""

    def __init__(
        self,
        config: Config,
        data: Path,
        before: "Plugins | None" = None,
        anew: Collection[str] = (),
        *,
        shared: Path | None = None,
    ) -> None:
        """Make each plugin from its settings. Raises `StartupError`, with all mistakes.

        Of the plugins `before` the instances are kept, except those `anew`. A class that was loaded once is not
        loaded again, so new code takes a new process. `data` is this process's data folder, `shared` that of all
        workers, if this is one of them.
        """
        self._before, self._anew = before, anew
        self.classes: dict[str, type[Any]] = dict(before.classes) if before else {}
        self.shared: Path = before.shared if before else shared or data
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(Hooks)
        self._config, self._data = config, data
        self.all: list[Plugin] = []
        self.policies: dict[str, Policy] = {}
        sources = discover(config)
        problems = [] if before else stray_sections(config, sources)
        for name in config.plugins.enabled:
            try:
                self._add(name, sources)
            except StartupError as error:
                problems.append(str(error))
        if problems:
            raise StartupError("\n".join(problems))

    def _add(self, name: str, sources: Mapping[str, Source]) -> None:
        if name not in sources:
            raise StartupError(f"plugins.enabled: there is no plugin {name!r}" + _hint(sources))
        if any(plugin.name == name for plugin in self.all):
            raise StartupError(f"plugins.enabled: {name!r} is listed twice")
        self.all.append(self._register(sources[name]))

    def calls(self) -> dict[str, tuple[Call, ...]]:
        """The calls of each hook, one for each plugin that implements it, in order."""
        order = [plugin.name for plugin in self.all]
        return {
            hook: tuple(
                Call(
                    impl.plugin_name,
                    impl.function,
                    impl.argnames,
                    kinds=self._kinds(impl, hook),
                    rooms=_rooms(impl, hook),
                    policy=self.policies[impl.plugin_name],
                    actions=getattr(impl.function, ACTIONS_OF, ()),
                    data=frozenset(getattr(impl.function, DATA_OF, ())) or None,
                    matching=getattr(impl.function, MATCHING_OF, None),
                    is_plain=not inspect.iscoroutinefunction(impl.function),
                )
                for impl in sorted(
                    getattr(self._pluggy.hook, hook).get_hookimpls(),
                    key=lambda impl: order.index(impl.plugin_name),
                )
            )
            for hook in hook_names()
        }

    def _kinds(self, impl: pluggy.HookImpl, hook: str) -> Collection[str] | None:
        """The kinds of events that a plugin observes; None means all."""
        kinds = getattr(impl.plugin, "event_kinds", None) if hook == "on_event" else None
        for kind in kinds or ():
            if kind not in EVENT_KINDS:
                raise StartupError(
                    f"plugin {impl.plugin_name}: event_kinds: there is no kind of event {kind!r}"
                )
        return kinds

    def _register(self, source: Source) -> Plugin:
        try:
            instance = self._kept(source.name) or self._made(source)
            self._pluggy.register(instance, name=source.name)
            self._pluggy.check_pending()
        except StartupError:
            raise
        except (Exception, SystemExit) as error:
            raise StartupError(f"plugin {source.name}: {error}") from error
        return Plugin(source.name, instance)

    def _kept(self, name: str) -> Any:
        """The instance of before; None for a plugin that was off, or is made anew."""
        before = self._before
        if before is None or name in self._anew:
            return None
        found = next((plugin.instance for plugin in before.all if plugin.name == name), None)
        if found is not None:
            self.policies[name] = before.policies[name]
        return found

    def _made(self, source: Source) -> Any:
        kind = self.classes.get(source.name)
        if kind is None:
            kind = load_class(source)
            _check_hooks(source.name, kind)
            powers_of(source.name, kind)
            self.classes[source.name] = kind
        return self._build(source.name, kind)

    def _build(self, name: str, kind: type[Any]) -> Any:
        raw = self._config.plugin.get(name, {})
        settings = convert(raw, settings_type(kind), f"plugin.{name}")
        self.policies[name] = policy_of(name, settings)
        folders = {"data": self._data / name, "shared": self.shared / name}
        wanted = inspect.signature(kind).parameters
        return kind(settings, **{each: path for each, path in folders.items() if each in wanted})


def hook_names() -> list[str]:
    """The names of all hooks, in the order of `specs.py`."""
    return [name for name in vars(Hooks) if not name.startswith("_")]


def settings_type(kind: type[Any]) -> type[Settings]:
    """The class of a plugin's settings. Raises `TypeError` if its `Config` is not one.

    A plugin that checks, changes or filters something also has those of `policy.py`.
    """
    found = getattr(kind, "Config", Settings)
    if not (isinstance(found, type) and issubclass(found, Settings)):
        raise TypeError("its Config must derive from chatserver.Settings")
    has_policy = any(hasattr(kind, hook) for hook in JUDGING_HOOKS)
    return with_policy(found) if has_policy else found


def declared_by(name: str, kind: type[Any]) -> Declared:
    """What a plugin's class declares, and its secret settings. Raises `StartupError`."""
    keys = [setting.key for setting in describe(settings_type(kind))]
    secret = [key for key in keys if is_secret(key.rpartition(".")[2])]
    return Declared(powers=powers_of(name, kind), secret_settings=secret)


def discover(config: Config) -> dict[str, Source]:
    """All plugins that can be enabled: installed ones, and files of the local folder."""
    found: dict[str, Source] = {}
    labels: dict[Distribution, tuple[str, str]] = {}
    for entry in entry_points(group=GROUP):
        label, home = ("?", "?"), entry.dist
        if home:
            if home not in labels:  # each of the two parses its whole metadata anew
                labels[home] = (home.name, home.version)
            label = labels[home]
        found[entry.name] = Source(entry.name, *label, entry.load, entry.module, entry.attr)
    for path in _local_files(config.plugins.folder):
        if path.stem in found:
            raise StartupError(f"{path}: an installed plugin is named {path.stem!r} too")
        module = f"chatserver_local_{path.stem}"
        load = _file_loader(module, path)
        found[path.stem] = Source(path.stem, str(path), __version__, load, module, "Plugin")
    return found


def stray_sections(config: Config, sources: Mapping[str, Source]) -> list[str]:
    """A line for each section `[plugin.NAME]` without such a plugin, most likely a typo."""
    return [
        f"{_place(section, f'plugin.{name}')}: there is no plugin {name!r}{_hint(sources)}"
        for name, section in config.plugin.items()
        if name not in sources
    ]


def survey(config: Config) -> list[PluginRow]:
    """One row for every plugin, on or off, with its problem if it has one."""
    enabled = config.plugins.enabled
    rows = []
    for source in discover(config).values():
        hooks: list[str] = []
        settings: list[str] = []
        declared = Declared(powers=None, secret_settings=[])
        problem = "" if source.name in enabled else "not listed in plugins.enabled"
        try:
            kind = load_class(source)
            hooks = [name for name in hook_names() if hasattr(kind, name)]
            settings = [row[0] for row in describe(settings_type(kind))]
            declared = declared_by(source.name, kind)
        except StartupError as error:
            problem = str(error)
        order = enabled.index(source.name) + 1 if source.name in enabled else 0
        rows.append(
            PluginRow(
                source.name,
                *source[1:3],
                order > 0,
                order,
                hooks,
                settings,
                problem,
                declared.powers,
                declared.secret_settings,
            )
        )
    return sorted(rows, key=lambda row: (not row.enabled, row.order, row.name))


def load_class(source: Source) -> type[Any]:
    """Import a plugin. Raises `StartupError` with its name for any mistake."""
    try:
        kind = source.load()
    except (Exception, SystemExit) as error:
        raise StartupError(f"plugin {source.name}: cannot be imported: {error!r}") from error
    if not isinstance(kind, type):
        raise StartupError(f"plugin {source.name}: {kind!r} is not a class")
    try:
        settings_type(kind)
    except TypeError as error:
        raise StartupError(f"plugin {source.name}: {error}") from error
    return kind


def plugin_settings(config: Config) -> dict[str, Mapping[str, Any]]:
    """The settings of enabled plugins, and the raw settings of the others."""
    sources = discover(config)
    tables: dict[str, Mapping[str, Any]] = {}
    for name in config.plugins.enabled:
        if name not in sources:
            raise StartupError(f"plugins.enabled: there is no plugin {name!r}")
        kind = settings_type(load_class(sources[name]))
        settings = convert(config.plugin.get(name, {}), kind, f"plugin.{name}")
        tables[name] = msgspec.to_builtins(settings)
    off = {name: table for name, table in config.plugin.items() if name not in tables}
    return tables | off


def _local_files(folder: str) -> list[Path]:
    if not folder:
        return []
    if not Path(folder).is_dir():
        raise StartupError(f"plugins.folder: {folder} is not a folder")
    return sorted(path for path in Path(folder).glob("*.py") if not path.stem.startswith("_"))


class _AsItStands(importlib.machinery.SourceFileLoader):
    """Compiles a file each time it is loaded.

    Python takes its cached bytecode for a file of the same size and second. What an author saves right after the
    server read it would be in effect nowhere, not after a restart either.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _file_loader(name: str, path: Path) -> Callable[[], type[Any]]:
    def load() -> type[Any]:
        spec = importlib.util.spec_from_file_location(
            name, path, loader=_AsItStands(name, str(path))
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # text annotations are resolved there
        spec.loader.exec_module(module)
        kind: type[Any] = module.Plugin
        return kind

    return load


def _check_hooks(name: str, kind: type[Any]) -> None:
    """Check each hook's options and colour; pluggy checks only names and arguments."""
    hooks = hook_names()
    for attribute in dir(kind):
        method = getattr(kind, attribute, None)
        options = getattr(method, f"{PROJECT}_impl", None)
        if options is None:
            if attribute in hooks:
                raise StartupError(
                    f"plugin {name}: {attribute} is a hook's name: decorate it with @hookimpl"
                )
            continue
        hook = options["specname"] or attribute
        if hook not in hooks:
            raise StartupError(f"plugin {name}: there is no hook {hook}{_close_to(hook, hooks)}")
        if options["wrapper"] or options["hookwrapper"]:
            raise StartupError(f"plugin {name}: {hook}: wrappers are not supported")
        _check_colour(f"plugin {name}: {hook}", hook, method)
        _check_actions(f"plugin {name}: {hook}", hook, getattr(method, ACTIONS_OF, ()))
        if hook not in MESSAGE_HOOKS and hasattr(method, DATA_OF):
            raise StartupError(f"plugin {name}: {hook} must have no data: it gets no message")
        if hook not in MESSAGE_HOOKS and hasattr(method, MATCHING_OF):
            raise StartupError(f"plugin {name}: {hook} must match no text: it gets no message")


def _check_colour(what: str, hook: str, method: Any) -> None:
    """Check that a hook is `async def` or plain, as specified; those that judge may be either."""
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        raise StartupError(f"{what} must not yield")
    wanted = inspect.iscoroutinefunction(getattr(Hooks, hook))
    if hook not in JUDGING_HOOKS and inspect.iscoroutinefunction(method) != wanted:
        raise StartupError(f"{what} must be {'async def' if wanted else 'a plain function'}")


def _check_actions(what: str, hook: str, actions: Collection[Any]) -> None:
    """Check that a hook for actions says which, and that no other hook does."""
    if (hook in ACTION_HOOKS) != bool(actions):
        how = "say which: @hookimpl(actions=(RoomJoin, …))" if not actions else "have no actions"
        raise StartupError(f"{what} must {how}")
    for each in actions:
        if each not in ACTIONS:
            known = ", ".join(kind.__name__ for kind in ACTIONS)
            raise StartupError(f"{what}: {each!r} is no action; there are {known}")


def _rooms(impl: pluggy.HookImpl, hook: str) -> Set[str] | None:
    """The rooms in which a plugin observes what is read, as it sets them while it runs; None means all."""
    rooms = getattr(impl.plugin, "read_rooms", None) if hook == "on_read" else None
    if rooms is not None and not isinstance(rooms, Set):
        raise StartupError(f"plugin {impl.plugin_name}: read_rooms: expected a set")
    return rooms


def _close_to(hook: str, hooks: list[str]) -> str:
    close = difflib.get_close_matches(hook, hooks, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _place(section: Mapping[str, Any], key: str) -> str:
    return section.locate(key) if isinstance(section, Table) else key


def _hint(sources: Mapping[str, Source]) -> str:
    return f" (there are: {', '.join(sorted(sources)) or 'none'})"
