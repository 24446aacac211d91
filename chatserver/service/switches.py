"""Switching plugins on and off while the server runs: for owners of the server, and operators."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks.powers import Declared, Powers
from chatserver.hooks.types import Actor
from chatserver.model import ServerRole, User
from chatserver.service.administration import Administration
from chatserver.service.claims import Claims, CountedClaim

NOTHING_DECLARED = Declared(powers=None, secret_settings=[])
SwitchDo: TypeAlias = Literal["on", "off", "reload"]


class NodeSwitch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome on one process: `problem` names the cause if it keeps what it had.

    `left` names calls and tasks of the old instance that did not end in time.
    """

    node: str
    problem: str = ""
    left: Sequence[str] = ()


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a switch.

    `with_it` are plugins that were made anew, too. `guards` are the actions that are refused from now on, as the
    plugin guards them. `kept` says what happens at the next start: configured, as the configuration says the same,
    or stored, as the installation remembers the switch.
    """

    plugin: str
    on: bool
    with_it: Sequence[str]
    guards: Sequence[str]
    kept: Literal["configured", "stored"]
    nodes: Sequence[NodeSwitch]


class PluginState(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin of this node: whether it is on, and whether the configuration says so."""

    name: str
    on: bool
    configured: bool
    hooks: Sequence[str]


class Available(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that is installed, and off. `about` is for people, in the language of its author; it may be empty."""

    name: str
    about: str


class SettingView(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of a plugin as it is in use. `type` and `description` are for people.

    `value` and `default` are in TOML notation, secrets in them hidden; `default` is null if the key is required.
    """

    key: str
    type: str
    description: str
    value: str
    default: str | None


class PluginView(PluginState, frozen=True, kw_only=True):
    """The same with what the plugin claims, also of one that is only known by its claims, and its powers.

    `powers` is null for a plugin that does not declare them, and for one that is off. `about` is for people.
    """

    about: str
    claims: Sequence[CountedClaim]
    powers: Powers | None = None
    secret_settings: Sequence[str] = ()


class Engine(Protocol):
    """Switches plugins on all nodes."""

    async def switch(self, do: SwitchDo, plugin: str, by: Actor) -> Switched: ...
    def states(self) -> list[PluginState]: ...
    def declared(self) -> Mapping[str, Declared]: ...
    def abouts(self) -> Mapping[str, str]: ...
    def settings(self, plugin: str) -> Sequence[SettingView]: ...


class Switches:
    """The way of all doors to the engine. `engine` is set once the server is complete."""

    engine: Engine | None = None

    def __init__(self, administration: Administration, claims: Claims) -> None:
        self._administration, self._claims = administration, claims

    async def switch(
        self, actor: User, do: SwitchDo, plugin: str, address: str | None = None
    ) -> Switched:
        """Switch a plugin. Owners of the server only.

        Raises `ChatError` user.forbidden, auth.address, request.not_found, plugin.busy, plugin.fixed and
        plugin.invalid, which says what is wrong with its settings or its start; then nothing has changed.
        """
        self._administration.demand(actor, address)
        if actor.role is not ServerRole.OWNER:
            raise ChatError("user.forbidden")
        return await self._running().switch(do, plugin, Actor(user=actor.id, address=address))

    async def list(self, actor: User, address: str | None = None) -> list[PluginView]:
        """All plugins of this node, in the order of their calls, then those that only claim something.

        Staff of the server only. Raises `ChatError` user.forbidden, auth.address.
        """
        self._administration.demand(actor, address)
        states, abouts = self._running().states(), self._running().abouts()
        declared = self._running().declared()
        claims = await self._claims.counted(await self._claims.list())
        known = {state.name for state in states}
        for name in sorted({claim.plugin for claim in claims} - known):
            states.append(PluginState(name=name, on=False, configured=False, hooks=()))
        return [
            PluginView(
                **msgspec.structs.asdict(state),
                about=abouts.get(state.name, ""),
                claims=[claim for claim in claims if claim.plugin == state.name],
                **msgspec.structs.asdict(declared.get(state.name, NOTHING_DECLARED)),
            )
            for state in states
        ]

    def available(self, actor: User, address: str | None = None) -> Sequence[Available]:
        """The plugins that are installed here and are neither on nor configured, by name. Staff only, as `list`."""
        self._administration.demand(actor, address)
        known = {state.name for state in self._running().states()}
        abouts = self._running().abouts()
        return [Available(name=name, about=abouts[name]) for name in sorted(abouts.keys() - known)]

    def settings(
        self, actor: User, plugin: str, address: str | None = None
    ) -> Sequence[SettingView]:
        """The settings of a plugin that is on, as they are in use here. Owners of the server only.

        Raises `ChatError` user.forbidden, auth.address, request.not_found.
        """
        self._administration.demand(actor, address)
        if actor.role is not ServerRole.OWNER:
            raise ChatError("user.forbidden")
        return self._running().settings(plugin)

    def _running(self) -> Engine:
        if self.engine is None:
            raise ChatError("server.draining")
        return self.engine
