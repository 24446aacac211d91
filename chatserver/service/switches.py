"""Switching plugins on and off while the server runs: for owners of the server, and operators."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from chatserver.config.forms import FieldForm, Made, Picks
from chatserver.errors import ChatError
from chatserver.hooks.powers import Declared, Powers
from chatserver.hooks.types import Actor
from chatserver.localized import Localized
from chatserver.model import ServerRole, User
from chatserver.service.administration import Administration
from chatserver.service.claims import Claims, CountedClaim

NOTHING_DECLARED = Declared(powers=None, secret_settings=[])
SwitchDo: TypeAlias = Literal["on", "off", "reload", "set"]
# Why a setting cannot be changed: another source wins, it has no input, or it is for those who have the machine.
Fixed: TypeAlias = Literal["", "environment", "command_line", "table", "operator"]


class NodeSwitch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome on one process: `problem` names the cause if it keeps what it had.

    `left` names calls and tasks of the old instance that did not end in time.
    """

    node: str
    problem: str = ""
    left: Sequence[str] = ()


class SettingsChange(msgspec.Struct, frozen=True, kw_only=True):
    """New values of settings, and names of those that fall back to the configuration or the default.

    With `dry_run` it is only tried: everything is checked, and a new instance made, but not started.
    """

    settings: Mapping[str, Any] = {}
    reset: Sequence[str] = ()
    dry_run: bool = False


NO_CHANGE = SettingsChange()


class SettingProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A setting that cannot have its value. `setting` is empty for a rule about several; `text` is for people.

    Of a setting with tables, `entry` is the name of one, and `field` the key in it; each is empty if it is not known.
    """

    setting: str
    reason: str  # unknown, twice, value, required, rule, name, or one of `Fixed`
    text: str
    entry: str = ""
    field: str = ""


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a switch.

    `with_it` are plugins that were made anew, too. `guards` are the actions that are refused from now on, as the
    plugin guards them. `kept` says what happens at the next start: configured, as the configuration says the same,
    or stored, as the installation remembers the switch. `changed` are the names of settings that have another value.
    """

    plugin: str
    on: bool
    with_it: Sequence[str]
    guards: Sequence[str]
    kept: Literal["configured", "stored"]
    nodes: Sequence[NodeSwitch]
    changed: Sequence[str] = ()


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
    """A setting of a plugin as it is in use. `type`, `label` and `description` are for people.

    `value` and `default` are in TOML notation, secrets in them hidden; `default` is null if the key is required.
    `current` and `usual` are JSON: the value in use, and the one that a reset leads to. They are null for secrets, and
    for a `table`; tables with names are there without their secrets, and `secrets` has what may be shown of those that
    are set, by the name of the table and the key.
    `is_stored` says that the store remembers a value, `source` where the one in use is from, and `origin` the file,
    variable or option that gives one. `fixed` says why it cannot be changed here. `made` is what a form can make for it: a
    secret, or a token of which the setting has the SHA-256, `picks` what a form finds by name, to fill in its id. Each of
    some tables is served at `address` with its name behind it; that is a path if `server.public_url` is not set, and
    empty if they are served nowhere.
    """

    key: str
    type: str
    label: Localized
    description: Localized
    form: FieldForm
    value: str
    default: str | None
    current: Any
    usual: Any
    secrets: Mapping[str, Mapping[str, str]] = {}
    is_secret: bool
    is_set: bool
    is_stored: bool
    source: Literal["default", "file", "store", "environment", "command_line"]
    origin: str
    fixed: Fixed
    group: Literal["plugin", "failure"]
    made: Made | None = None
    picks: Picks | None = None
    address: str = ""


class SettingsOf(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a plugin. `fixed` is the reason of plugin.fixed if the server cannot change any of them."""

    settings: Sequence[SettingView]
    fixed: str
    is_on: bool


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

    async def switch(
        self, do: SwitchDo, plugin: str, by: Actor, change: SettingsChange = ...
    ) -> Switched: ...
    def states(self) -> list[PluginState]: ...
    def declared(self) -> Mapping[str, Declared]: ...
    def abouts(self) -> Mapping[str, str]: ...
    async def settings(self, plugin: str, by: Actor) -> SettingsOf: ...


class Switches:
    """The way of all doors to the engine. `engine` is set once the server is complete."""

    engine: Engine | None = None

    def __init__(self, administration: Administration, claims: Claims) -> None:
        self._administration, self._claims = administration, claims

    async def switch(
        self,
        actor: User,
        do: SwitchDo,
        plugin: str,
        address: str | None = None,
        change: SettingsChange = NO_CHANGE,
    ) -> Switched:
        """Switch a plugin, or with "set" change settings of it. Owners of the server only.

        Raises `ChatError` user.forbidden, auth.address, request.not_found, plugin.busy, plugin.fixed and
        plugin.invalid, which says what is wrong with its settings or its start; then nothing has changed.
        """
        self._demand_owner(actor, address)
        by = Actor(user=actor.id, address=address)
        return await self._running().switch(do, plugin, by, change)

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

    async def settings(self, actor: User, plugin: str, address: str | None = None) -> SettingsOf:
        """The settings of a plugin as they are in use here, or would be if it is off. Owners of the server only.

        Raises `ChatError` user.forbidden, auth.address, request.not_found, and plugin.invalid for one that is off and
        cannot be imported.
        """
        self._demand_owner(actor, address)
        return await self._running().settings(plugin, Actor(user=actor.id, address=address))

    def _demand_owner(self, actor: User, address: str | None) -> None:
        self._administration.demand(actor, address)
        if actor.role is not ServerRole.OWNER:
            raise ChatError("user.forbidden")

    def _running(self) -> Engine:
        if self.engine is None:
            raise ChatError("server.draining")
        return self.engine
