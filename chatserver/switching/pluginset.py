"""All plugins of a server with what they registered: one immutable value, of which a switch makes another."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

from chatserver.config import Config
from chatserver.hooks.active import Active, compiled
from chatserver.hooks.context import Context
from chatserver.hooks.instance import Instance
from chatserver.hooks.loading import Plugins
from chatserver.hooks.ownmeasures import OwnMeasures
from chatserver.hooks.registering import BY_HOOK, Items, Registry, merged
from chatserver.hooks.types import GraphQLPart
from chatserver.runtime.measure import Measures

GRAPHQL = "register_graphql"
MakeContext = Callable[[str, OwnMeasures, Sequence[GraphQLPart]], Context]


class PartsRead(Sequence[GraphQLPart]):
    """The parts of the GraphQL schema, for one plugin; tells whether the plugin used them."""

    def __init__(self, parts: Sequence[GraphQLPart]) -> None:
        self._parts = tuple(parts)
        self.are_used = False

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, place: int) -> GraphQLPart: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[GraphQLPart]: ...
    def __getitem__(self, place: Any) -> Any:
        self.are_used = True
        return self._parts[place]

    def __iter__(self) -> Iterator[GraphQLPart]:
        self.are_used = True
        return iter(self._parts)


class PluginSet(NamedTuple):
    """The plugins that are on, and all that they registered."""

    config: Config
    plugins: Plugins
    active: Active
    items: Mapping[str, Items]  # by hook
    contexts: Mapping[str, Context]
    measures: Mapping[str, OwnMeasures]
    parts_read: Mapping[str, PartsRead]

    def context(self, plugin: str) -> Context:
        return self.contexts[plugin]

    @property
    def order(self) -> list[str]:
        """The plugins' names in the order in which they are called."""
        return [plugin.name for plugin in self.plugins.all]


class Builder:
    """Makes sets of plugins. Nothing of a new set is in use before it is taken."""

    def __init__(
        self, data: Path, registry: Registry, measures: Measures, context: MakeContext
    ) -> None:
        self._data, self._registry = data, registry
        self._measures, self._context = measures, context

    def first(self, config: Config, plugins: Plugins, active: Active) -> PluginSet:
        """The set of a server's start. Only the GraphQL parts are collected yet."""
        names = [plugin.name for plugin in plugins.all]
        parts = self._registry.ask(GRAPHQL, active, lambda plugin: None)
        made = PluginSet(config, plugins, active, {GRAPHQL: parts}, {}, {}, {})
        made = self._with_contexts(made, names, None)
        for each in made.measures.values():
            each.show()
        return made

    def with_items(self, made: PluginSet, hooks: Sequence[str]) -> PluginSet:
        """The same set, with what its plugins register by these hooks. Raises `StartupError`."""
        items = dict(made.items)
        for hook in hooks:
            items[hook] = self._registry.ask(hook, made.active, made.context)
        made = made._replace(items=items)
        if "register_operations" in hooks:
            active = made.active.with_operations(items["register_operations"])
            made = made._replace(active=active)
        return made

    def changed(
        self, before: PluginSet, config: Config, names: Collection[str], hooks: Sequence[str]
    ) -> tuple[PluginSet, frozenset[str]]:
        """A set of this configuration, with new instances of `names`; and all plugins whose instance is new.

        Plugins that use the GraphQL parts are made anew, too, if these change. Raises `StartupError`.
        """
        anew = frozenset(names)
        made = self._remade(before, config, anew)
        if made.items[GRAPHQL] != before.items[GRAPHQL]:
            readers = {name for name, read in before.parts_read.items() if read.are_used}
            anew |= readers & set(config.plugins.enabled)
            made = self._remade(before, config, anew)
        made = self._with_contexts(made, anew & set(made.order), before)
        items = dict(made.items)
        own = self._only(made.active, anew)
        for hook in hooks:
            new = self._registry.ask(hook, own, made.context)
            items[hook] = merged(BY_HOOK[hook], before.items[hook], anew, new, made.order)
        operations = items.get("register_operations", before.items.get("register_operations", ()))
        active = made.active.with_operations(operations)
        return made._replace(items=items, active=active), anew

    def _remade(self, before: PluginSet, config: Config, anew: frozenset[str]) -> PluginSet:
        plugins = Plugins(config, self._data, before.plugins, anew)
        names = [plugin.name for plugin in plugins.all]
        instances = {
            name: Instance() if name in anew else before.active.instances[name] for name in names
        }
        active = compiled(plugins.calls(), names, instances)
        new = self._registry.ask(GRAPHQL, self._only(active, anew), lambda plugin: None)
        parts = merged(BY_HOOK[GRAPHQL], before.items[GRAPHQL], anew, new, names)
        keep = set(names)

        def kept(found: Mapping[str, Any]) -> dict[str, Any]:
            return {name: each for name, each in found.items() if name in keep}

        return PluginSet(
            config,
            plugins,
            active,
            {**before.items, GRAPHQL: parts},
            kept(before.contexts),
            kept(before.measures),
            kept(before.parts_read),
        )

    def _with_contexts(
        self, made: PluginSet, names: Collection[str], before: PluginSet | None
    ) -> PluginSet:
        """The set with new contexts for these plugins."""
        parts = [part for _, part in made.items[GRAPHQL]]
        read = {name: PartsRead(parts) for name in names}
        earlier = before.measures if before else {}
        measures = {name: OwnMeasures(self._measures, earlier.get(name)) for name in names}
        contexts = {name: self._context(name, measures[name], read[name]) for name in names}
        return made._replace(
            contexts={**made.contexts, **contexts},
            measures={**made.measures, **measures},
            parts_read={**made.parts_read, **read},
        )

    @staticmethod
    def _only(active: Active, names: Collection[str]) -> Active:
        """The set with the calls of these plugins alone."""
        calls = {
            hook: tuple(call for call in found if call.plugin in names)
            for hook, found in active.calls.items()
        }
        return compiled(calls, list(active.plugins), active.instances)
