"""Switches plugins on all processes of an installation: this one first, then the others follow its record.

One switch at a time, over all of them. A process that cannot follow keeps what it has, and says why.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from loguru import logger

from chatserver.cluster.nodes import raw_records
from chatserver.errors import ChatError, StartupError, StoreUnavailable
from chatserver.hooks.abouts import abouts
from chatserver.hooks.loading import declared_by, discover
from chatserver.hooks.powers import Declared
from chatserver.hooks.types import Actor, PluginSwitch
from chatserver.interfaces import Store
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import now_text
from chatserver.runtime.ids import new_id
from chatserver.service.changes import Changes
from chatserver.service.switches import (
    NO_CHANGE,
    NodeSwitch,
    PluginState,
    SettingsChange,
    SettingsOf,
    SwitchDo,
    Switched,
)
from chatserver.switching.engine import NOTHING_TAKEN, Engine
from chatserver.switching.records import OWNER_SECONDS, Kept, Owner, SwitchRecords
from chatserver.switching.refusals import demand_switchable
from chatserver.switching.settings import Stored, changed, views

FOLLOW_SECONDS = 30.0  # for other processes, in an answer; later ones follow all the same
POLL_SECONDS = 0.1  # between two looks for their outcomes
LOOK_SECONDS = 30.0  # between two looks for switches that were not announced here


class Coordinator:
    """The engine of this process, and the records by which processes follow each other."""

    def __init__(self, engine: Engine, store: Store, changes: Changes, node: str) -> None:
        self.engine = engine
        self._store, self._changes, self._node = store, changes, node
        self._records = SwitchRecords(store)
        self._rounds: dict[str, int] = {}  # of each plugin, the last that was followed here
        self._one = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Take over the switches that are stored, and follow further ones. Before the server listens."""
        for kept in await self._records.all():
            self._rounds[kept.plugin] = kept.round
            await self._follow(kept)
        self._changes.watch("plugins", self._announced)
        self._spawn(self._look())

    async def stop(self) -> None:
        await cancel_or_name(self._tasks)

    async def switch(
        self, do: SwitchDo, plugin: str, by: Actor, change: SettingsChange = NO_CHANGE
    ) -> Switched:
        """Switch a plugin on all processes; see `Switches.switch`. A change of settings comes with "set"."""
        if do != "set" and (change.settings or change.reset or change.dry_run):
            raise ChatError("request.invalid", 'Settings are changed with do: "set".')
        owner = Owner(
            id=new_id(),
            plugin=plugin,
            do=do,
            by=by.user or by.operator or "",
            until=time.time() + OWNER_SECONDS,
        )
        await self._records.own(owner)
        try:
            async with self._one:
                before = await self._records.kept(plugin)
                stored = {} if before is None else before.settings
                names: list[str] = []
                if do == "set":
                    stored, names = self._changed(plugin, stored, by, change)
                if do == "set" and (change.dry_run or not names):
                    return self._unswitched(plugin, stored, before, names)
                told = PluginSwitch(do=do, plugin=plugin, by=by, settings=names)
                taken = NOTHING_TAKEN
                if do != "set" or self.engine.is_on(plugin):
                    taken = await self.engine.switch(do, plugin, stored, told)
                else:
                    self.engine.tell(told)
                kept = await self._keep(do, plugin, owner.by, before, stored)
            own = NodeSwitch(node=self._node, left=taken.left)
            others = await self._others(plugin, kept.round)
        finally:
            with suppress(StoreUnavailable):
                await self._records.disown(owner)
        return Switched(
            plugin=plugin,
            on=self.engine.is_on(plugin),
            with_it=taken.with_it,
            guards=taken.guards,
            kept="configured" if kept.on is None else "stored",
            nodes=[own, *others],
            changed=names,
        )

    def _changed(
        self, plugin: str, stored: Stored, by: Actor, change: SettingsChange
    ) -> tuple[dict[str, Any], list[str]]:
        """The settings to store, and the names of those that change. Raises `ChatError`."""
        if self.engine.is_on(plugin):
            demand_switchable(plugin, self.engine.set.active, self.engine.set.config)
        try:
            kind = self.engine.settings_type(plugin)
            section = self.engine.new_section(plugin, stored)
        except StartupError as error:
            raise ChatError("plugin.invalid", str(error), detail={"plugin": plugin}) from error
        return changed(plugin, kind, section, stored, change, is_operator=by.operator is not None)

    def _unswitched(
        self, plugin: str, stored: Stored, before: Kept | None, names: list[str]
    ) -> Switched:
        """The outcome of a trial, and of a change that changes nothing. Raises `ChatError`, as the switch would."""
        if names and self.engine.is_on(plugin):
            self.engine.try_settings(plugin, stored)
        return Switched(
            plugin=plugin,
            on=self.engine.is_on(plugin),
            with_it=(),
            guards=(),
            kept="configured" if before is None or before.on is None else "stored",
            nodes=[],
            changed=names,
        )

    def states(self) -> list[PluginState]:
        """All plugins that are on here or configured, in the order of their calls."""
        found, active = self.engine.set, self.engine.set.active
        configured = self.engine.configured_names()
        hooks: dict[str, list[str]] = {}
        for hook, calls in active.calls.items():
            for call in calls:
                hooks.setdefault(call.plugin, []).append(hook)
        names = [*found.order, *(name for name in configured if name not in active.plugins)]
        return [
            PluginState(
                name=name,
                on=name in active.plugins,
                configured=name in configured,
                hooks=hooks.get(name, []),
            )
            for name in names
        ]

    def declared(self) -> dict[str, Declared]:
        """The powers and secret settings of the plugins that are on here, by name."""
        classes = self.engine.set.plugins.classes
        return {name: declared_by(name, classes[name]) for name in self.engine.set.order}

    def abouts(self) -> dict[str, str]:
        """What all plugins that are installed here say of themselves, by name."""
        return abouts(discover(self.engine.set.config).values())

    async def settings(self, plugin: str, by: Actor) -> SettingsOf:
        """The settings of a plugin as they are in use here, or would be if it is off; see `Switches.settings`."""
        engine, fixed = self.engine, ""
        before = await self._records.kept(plugin)
        stored = {} if before is None else before.settings
        is_operator = by.operator is not None
        if engine.is_on(plugin):
            try:
                demand_switchable(plugin, engine.set.active, engine.set.config)
            except ChatError as error:
                fixed = str(error.detail["reason"])
        try:
            kind, section = engine.settings_type(plugin), engine.section(plugin, stored)
        except StartupError as error:
            raise ChatError("plugin.invalid", str(error), detail={"plugin": plugin}) from error
        public_url = engine.set.config.server.public_url
        shown = views(kind, section, stored, is_operator=is_operator, public_url=public_url)
        return SettingsOf(settings=shown, fixed=fixed, is_on=engine.is_on(plugin))

    async def _keep(
        self, do: SwitchDo, plugin: str, by: str, before: Kept | None, stored: Stored
    ) -> Kept:
        on = self.engine.is_on(plugin)
        kept = Kept(
            plugin=plugin,
            on=None if on == (plugin in self.engine.configured_names()) else on,
            round=1 if before is None else before.round + 1,
            do=do,
            by=by,
            at=now_text(),
            settings=dict(stored),
        )
        self._rounds[plugin] = kept.round
        await self._records.forget(plugin, kept.round)
        await self._records.keep(kept)
        await self._changes.announce("plugins", plugin)
        return kept

    async def _others(self, plugin: str, number: int) -> Sequence[NodeSwitch]:
        """The outcomes on the other processes, those that are late included."""
        wanted = {node for node, _ in await raw_records(self._store)} - {self._node}
        deadline = time.monotonic() + FOLLOW_SECONDS
        while True:
            found = {each.node: each for each in await self._records.outcomes(plugin, number)}
            late = wanted - found.keys()
            if not late or time.monotonic() >= deadline:
                break
            await asyncio.sleep(POLL_SECONDS)
        problem = f"it did not answer within {FOLLOW_SECONDS:g} s; its log will say more"
        return [
            *(found[node] for node in sorted(found)),
            *(NodeSwitch(node=node, problem=problem) for node in sorted(late)),
        ]

    # -- following ---------------------------------------------------------------------------------

    async def _announced(self, plugin: str) -> None:
        self._spawn(self._recheck(plugin))  # a switch takes longer than a look for changes may

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with self._one:
                    await self.engine.put_back_claims()
                for kept in await self._records.all():
                    await self._recheck(kept.plugin)
            except StoreUnavailable:
                continue

    async def _recheck(self, plugin: str) -> None:
        try:
            async with self._one:
                kept = await self._records.kept(plugin)
                if kept is None or self._rounds.get(plugin, 0) >= kept.round:
                    return
                self._rounds[plugin] = kept.round
                outcome = await self._follow(kept)
            await self._records.note(plugin, kept.round, outcome)
        except StoreUnavailable as error:
            logger.warning("plugin {}: a switch is not followed yet: {}", plugin, error.text)
        except Exception:
            logger.exception("plugin {}: following a switch failed", plugin)

    async def _follow(self, kept: Kept) -> NodeSwitch:
        """Make this process what the record says."""
        plugin, is_on = kept.plugin, self.engine.is_on(kept.plugin)
        wanted = kept.on if kept.on is not None else plugin in self.engine.configured_names()
        do: SwitchDo = "off" if not wanted else "reload" if is_on else "on"
        if do == "off" and not is_on:
            return NodeSwitch(node=self._node)
        if kept.on is not None:
            logger.warning(
                "plugin {} is switched {} since {}, other than the configuration says; "
                "`chatserver plugins {} {}` ends that",
                plugin,
                "on" if wanted else "off",
                kept.at,
                "off" if wanted else "on",
                plugin,
            )
        try:
            taken = await self.engine.switch(do, plugin, kept.settings)
        except ChatError as error:
            logger.error("plugin {}: {} is not followed: {}", plugin, do, error.text)
            return NodeSwitch(node=self._node, problem=error.text)
        return NodeSwitch(node=self._node, left=taken.left)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="plugin switches")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
