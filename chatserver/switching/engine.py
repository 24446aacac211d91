"""Switches the plugins of one process: everything new is built and started first, then used in one step.

Then calls of the old instance are awaited, and it is ended. Until the step nothing has changed.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
from loguru import logger

from chatserver.config import Config, Loaded
from chatserver.errors import ChatError, StartupError
from chatserver.hooks import lifecycle
from chatserver.hooks.absent import Absent, Claimant
from chatserver.hooks.active import Active, Calls
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.loading import discover, load_class, settings_type
from chatserver.hooks.types import PluginSwitch, Settings
from chatserver.runtime.measure import Measures
from chatserver.service.claims import Claims
from chatserver.service.switches import SwitchDo
from chatserver.switching.heldclaims import HeldClaims
from chatserver.switching.parts import DOORS, LOOKED_UP, Part
from chatserver.switching.pluginset import Builder, PluginSet
from chatserver.switching.refusals import (
    demand_no_second_factor,
    demand_second_factor_kept,
    demand_switchable,
)
from chatserver.switching.settings import Section, Stored, section_of
from chatserver.web.doors import Addresses, Doors


class Taken(NamedTuple):
    """What a switch did here. `left` names what did not end in time, `guards` what is refused from now on."""

    with_it: Sequence[str]
    left: Sequence[str]
    guards: Sequence[str]


NOTHING_TAKEN = Taken((), (), ())


class Engine:
    """Makes, takes and ends sets of plugins. One call of `switch` at a time."""

    def __init__(
        self,
        loaded: Loaded,
        first: PluginSet,
        builder: Builder,
        hooks: HookCalls,
        parts: Sequence[Part],
        claims: Claims,
        measures: Measures,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called after each switch, in the same turn of the loop."""
        self.loaded, self.set = loaded, first
        self._builder, self._hooks, self._parts, self._claims = builder, hooks, parts, claims
        self._changed = changed
        self._held = HeldClaims(claims)
        self.put_back_claims = self._held.put_back
        self._doors: Doors | None = None
        self._asked = [part.hook for part in parts]
        self._switches = measures.counter(
            "chatserver_plugin_switches_total",
            "Switches of plugins on this process",
            ("plugin", "do", "outcome"),
        )
        self._seconds = measures.histogram(
            "chatserver_plugin_switch_seconds", "Time that a switch of a plugin took", ("do",)
        )

    def collect(self, hooks: Sequence[str]) -> None:
        """Ask all plugins for what they register by these hooks. Raises `StartupError`."""
        self.set = self._builder.with_items(self.set, hooks)
        self._hooks.swap(self.set.active.with_absent(self._hooks.active.absent))

    def take_first(self) -> None:
        """Put to use what the plugins of the start registered, but for addresses. Raises `StartupError`."""
        self.collect(self._asked)
        for part in self._parts:
            part.demand(self.set.items[part.hook])
            part.take(self.set.items[part.hook])

    def open_doors(self, doors: Doors) -> Addresses:
        """Build the addresses. From now on they are switched, too. Raises `StartupError`."""
        self.collect([*LOOKED_UP, *DOORS])
        self._asked = [*(part.hook for part in self._parts), *LOOKED_UP, *DOORS]
        self._doors = doors
        return doors.built(*(self.set.items[hook] for hook in DOORS))

    def is_on(self, plugin: str) -> bool:
        return plugin in self.set.active.plugins

    async def switch(
        self,
        do: SwitchDo,
        plugin: str,
        stored: Stored,
        by: PluginSwitch | None = None,
    ) -> Taken:
        """Switch a plugin here. `stored` are the settings that the store remembers; `by` is told to observers.

        Raises `ChatError` request.not_found, plugin.fixed, plugin.invalid; then nothing has changed.
        """
        started = time.perf_counter()
        try:
            taken = await self._switch(do, plugin, stored, by)
        except ChatError as error:
            self._switches.add(labels=(plugin, do, error.code))
            logger.warning("plugin {}: {} was refused: {}", plugin, do, error.text)
            raise
        self._switches.add(labels=(plugin, do, "left" if taken.left else "ok"))
        self._seconds.add(time.perf_counter() - started, (do,))
        logger.info("plugin {}: {} done", plugin, do)
        return taken

    def try_settings(self, plugin: str, stored: Stored) -> None:
        """Make a new instance with these settings, and nothing of it is used. Raises as `switch`."""
        self._made("set", plugin, stored)

    def _made(
        self, do: SwitchDo, plugin: str, stored: Stored
    ) -> tuple[PluginSet, frozenset[str], Addresses | None]:
        before = self.set
        if do != "on" or self.is_on(plugin):
            if not self.is_on(plugin):
                raise ChatError("request.not_found", f"The plugin {plugin} is not on.")
            demand_switchable(plugin, before.active, before.config)
        methods = before.items["register_login_methods"]
        if do == "off":
            demand_no_second_factor(plugin, methods)
        try:
            config = self.configured(do, plugin, stored)
            made, anew = self._builder.changed(before, config, {plugin}, self._asked)
            if do != "off":
                demand_switchable(plugin, made.active, config)
            if do == "set":
                demand_second_factor_kept(plugin, methods, made.items["register_login_methods"])
            return made, anew, self._tried(made)
        except StartupError as error:
            raise ChatError("plugin.invalid", str(error), detail={"plugin": plugin}) from error

    async def _switch(
        self, do: SwitchDo, plugin: str, stored: Stored, by: PluginSwitch | None
    ) -> Taken:
        before = self.set
        made, anew, addresses = self._made(do, plugin, stored)
        held = await self._held.of(anew & before.active.plugins)
        try:
            await self._start(made, anew, plugin)
            absent = await self._claims.absent(made.active.plugins)
        except BaseException:
            await lifecycle.end(self._hooks.guard, _calls_of(made.active, anew))
            # `startup` may have changed what the old instances rely on, which go on.
            await self._held.restore(held)
            raise
        self._take(made, anew, absent, addresses, by)
        left = await self._end(before, made, anew)
        guards = sorted(action for action, rooms in absent.items() if _claims(plugin, rooms))
        return Taken(sorted(anew - {plugin}), left, guards)

    def configured(self, do: SwitchDo, plugin: str, stored: Stored) -> Config:
        """The configuration in use, with this plugin as `do` says, and its settings read anew.

        Those that are stored are laid over them.

        Raises `StartupError`, and `ChatError` request.not_found.
        """
        config, replace = self.set.config, msgspec.structs.replace
        enabled = [name for name in config.plugins.enabled if name != plugin]
        if do == "off":
            return replace(config, plugins=replace(config.plugins, enabled=enabled))
        again = self._again()
        if plugin not in discover(again.config):
            raise ChatError("request.not_found", f"There is no plugin {plugin}.")
        kind = self.settings_type(plugin) if stored else None
        wanted = again.config.plugins.enabled
        order = [name for name in wanted if name in enabled or name == plugin]
        order += [name for name in (*enabled, plugin) if name not in order]
        sections = {name: table for name, table in config.plugin.items() if name != plugin}
        sections[plugin] = section_of(again, plugin, kind, stored)
        return replace(config, plugins=replace(config.plugins, enabled=order), plugin=sections)

    def configured_names(self) -> Sequence[str]:
        """The plugins that the configuration enables now. An unreadable one counts as that of the start."""
        try:
            return self._again().config.plugins.enabled
        except StartupError:
            return self.loaded.config.plugins.enabled

    def settings_type(self, plugin: str) -> type[Settings]:
        """The class of a plugin's settings; one that was never on is imported.

        Raises `ChatError` request.not_found, and `StartupError`.
        """
        if (kind := self.set.plugins.classes.get(plugin)) is None:
            sources = discover(self.set.config)
            if plugin not in sources:
                raise ChatError("request.not_found", f"There is no plugin {plugin}.")
            kind = load_class(sources[plugin])
        return settings_type(kind)

    def section(self, plugin: str, stored: Stored) -> Section:
        """The section of a plugin that is in use; of one that is off, that of `new_section`."""
        if not self.is_on(plugin):
            return self.new_section(plugin, stored)
        found = self.set.config.plugin.get(plugin)
        return found if isinstance(found, Section) else section_of(self.loaded, plugin, None, {})

    def new_section(self, plugin: str, stored: Stored) -> Section:
        """The section that a plugin gets by a switch. Raises `ChatError` and `StartupError`."""
        return section_of(self._again(), plugin, self.settings_type(plugin), stored)

    def tell(self, switched: PluginSwitch) -> None:
        """Tell observers of a change for a plugin that is off."""
        self._hooks.on_switch(switched)

    def _again(self) -> Loaded:
        return self.loaded.again() if self.loaded.again is not None else self.loaded

    def _tried(self, made: PluginSet) -> Addresses | None:
        """Build what is built of all items, and check it. Raises `StartupError`."""
        for part in self._parts:
            part.demand(made.items[part.hook])
        if self._doors is None:
            return None
        return self._doors.built(*(made.items[hook] for hook in DOORS))

    async def _start(self, made: PluginSet, anew: Collection[str], plugin: str) -> None:
        """Start the new instances. Raises `ChatError` plugin.invalid for the first that fails."""
        try:
            await lifecycle.start(_calls_of(made.active, anew), made.context)
        except StartupError as error:
            raise ChatError("plugin.invalid", str(error), detail={"plugin": plugin}) from error

    def _take(
        self,
        made: PluginSet,
        anew: Collection[str],
        absent: Absent,
        addresses: Addresses | None,
        by: PluginSwitch | None,
    ) -> None:
        """Use the new set, in one turn of the loop."""
        before, self.set = self.set, made
        if by is not None:
            self._hooks.on_switch(by)  # also to a plugin that goes now
        self._hooks.swap(made.active.with_absent(absent))
        if by is not None and by.do == "on":
            self._hooks.on_switch(by, only=by.plugin)
        for part in self._parts:
            part.take(made.items[part.hook])
        for name in anew:
            if name in made.measures:
                made.measures[name].show()
            elif name in before.measures:
                before.measures[name].hide()
        if self._doors is not None and addresses is not None:
            self._doors.take(addresses)
            self._doors.send_away(anew)
        self._changed()

    async def _end(
        self, before: PluginSet, made: PluginSet, anew: Collection[str]
    ) -> Sequence[str]:
        """Await the calls of old instances, then end them. Never raises; names what did not end in time."""
        seconds = made.config.plugins.drain_seconds
        left: list[str] = []
        for part in self._parts:
            if part.settle is not None:
                left += await part.settle(seconds)
        for name in anew:
            old = before.active.instances.get(name)
            if old is None:
                continue
            if not await old.ended(seconds):
                left.append(f"calls of {name}: {old.count}")
            if not await self._hooks.observers.passed(name, seconds):
                left.append(f"observations of {name}")
            if name not in made.active.plugins:
                await self._hooks.observers.drop(name)
            self._hooks.guard.forget(name)
        await lifecycle.end(self._hooks.guard, _calls_of(before.active, anew))
        for each in left:
            logger.error("the old instance did not end within {:g} s: {}", seconds, each)
        return left


def _claims(plugin: str, rooms: Mapping[str | None, Sequence[Claimant]]) -> bool:
    return any(each.plugin == plugin for claimants in rooms.values() for each in claimants)


def _calls_of(active: Active, plugins: Collection[str]) -> Calls:
    return {
        hook: tuple(call for call in calls if call.plugin in plugins)
        for hook, calls in active.calls.items()
    }
