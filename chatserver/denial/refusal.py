"""What the plugins of one server declare, and the refusal of everything else."""

import sys
from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal, NoReturn

import msgspec

from chatserver.config import Config
from chatserver.hooks.loading import Source, discover
from chatserver.hooks.powers import Powers, powers_of

Kind = Literal["network", "secrets", "service"]


class UndeclaredPower(Exception):
    """A plugin used what it does not declare. The text names the plugin, the power, and the line to write."""


class Denial:
    """Holds plugins to their declarations, and remembers what it refused.

    Plugins without a declaration may use everything, except those of `strict`, which may use nothing then.
    """

    def __init__(self, config: Config, strict: Collection[str] = ()) -> None:
        self.config: Callable[[], Config] = lambda: config
        self.sources = discover(config)
        self.refused: list[UndeclaredPower] = []
        self._strict = strict
        self._packages = _packages(self.sources.values())
        self._known: dict[str, str] = {}  # the plugin by the module

    def plugin_of(self, module: str) -> str:
        """The plugin that a module belongs to, "" for none."""
        found = self._known.get(module)
        if found is None:
            name = module
            while name and name not in self._packages:
                name = name.rpartition(".")[0]
            found = self._known[module] = self._packages.get(name, "")
        return found

    def loaded(self, plugin: str) -> type[Any] | None:
        """The plugin's class; None while its module is still being imported."""
        source = self.sources[plugin]
        return getattr(sys.modules.get(source.module), source.attribute, None)

    def powers(self, plugin: str) -> Powers | None:
        """What the plugin may use; None for everything."""
        kind = self.loaded(plugin)
        if kind is None:
            return None
        declared = powers_of(plugin, kind)
        return Powers() if declared is None and plugin in self._strict else declared

    def demand_part(self, plugin: str, name: str) -> None:
        """Raise `UndeclaredPower` unless the plugin declares this part of the service, or method of one."""
        powers = self.powers(plugin)
        if powers is None or name in powers.service or name.partition(".")[0] in powers.service:
            return
        self.refuse(plugin, "service", name, f"{name} of the service")

    def refuse(self, plugin: str, kind: Kind, name: str, what: str) -> NoReturn:
        """Always raises `UndeclaredPower`. `name` is what is to be declared, `what` says it for people."""
        powers = self.powers(plugin) or Powers()
        changed = {kind: (*getattr(powers, kind), name)}
        line = declaration(msgspec.structs.replace(powers, **changed))
        error = UndeclaredPower(
            f"plugin {plugin} uses {what}, which it does not declare; on its class, write: {line}"
        )
        self.refused.append(error)
        raise error


def _packages(sources: Iterable[Source]) -> dict[str, str]:
    """The plugin by its module, and by the packages around that in which no other plugin is."""
    around: dict[str, list[str]] = {}
    for source in sources:
        name = source.module
        while name:
            around.setdefault(name, []).append(source.name)
            name = name.rpartition(".")[0]
    return {name: found[0] for name, found in around.items() if len(found) == 1}


def declaration(powers: Powers) -> str:
    """The declaration as a line of Python."""
    given = []
    for kind in powers.__struct_fields__:
        if names := getattr(powers, kind):
            quoted = ", ".join(f'"{name}"' for name in names)
            given.append(f"{kind}=({quoted}{',' if len(names) == 1 else ''})")
    return f"powers = chatserver.Powers({', '.join(given)})"
