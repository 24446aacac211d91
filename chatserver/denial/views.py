"""A plugin's `Context`, of which it reaches the parts of the service that it declares."""

from collections.abc import Collection
from typing import Any, Literal

from chatserver.denial.refusal import Denial
from chatserver.hooks.actions import Action
from chatserver.hooks.context import Context
from chatserver.hooks.types import Actor
from chatserver.model import ServerRole, User


class ServiceView:
    """The service, for one plugin. A part may be held; using it needs the declaration."""

    __slots__ = ("_denial", "_plugin", "_service")

    def __init__(self, denial: Denial, plugin: str, service: Any) -> None:
        self._denial, self._plugin, self._service = denial, plugin, service

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._service, name)
        if found is None or callable(found) or isinstance(found, str):
            self._denial.demand_part(self._plugin, name)
            return found
        powers = self._denial.powers(self._plugin)
        if powers is None or name in powers.service:
            return found
        return PartView(self._denial, self._plugin, name, found)


class PartView:
    """One part of the service, of which the plugin reaches the declared methods."""

    __slots__ = ("_denial", "_name", "_part", "_plugin")

    def __init__(self, denial: Denial, plugin: str, name: str, part: Any) -> None:
        self._denial, self._plugin, self._name, self._part = denial, plugin, name, part

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._part, name)
        self._denial.demand_part(self._plugin, f"{self._name}.{name}")
        return found


class DeniedContext(Context, frozen=True, kw_only=True):
    """A context whose parts are views."""

    real: Context
    denial: Denial

    async def claim(
        self,
        action: type[Action] | Literal["message"],
        room: str | None = None,
        *,
        having: str | None = None,
        roles: Collection[ServerRole] = (),
    ) -> None:
        self.denial.demand_part(self.plugin, "claims.add")
        await self.real.claim(action, room, having=having, roles=roles)

    async def release(
        self, action: type[Action] | Literal["message"], room: str | None = None
    ) -> None:
        self.denial.demand_part(self.plugin, "claims.release")
        await self.real.release(action, room)

    async def bot(self, name: str, shown: str | None = None) -> User:
        self.denial.demand_part(self.plugin, "accounts.bot")
        return await self.real.bot(name, shown)

    async def allow(self, action: Any, user: User) -> Any:
        return await self.real.allow(action, user)

    def decided(
        self, by: Actor, room: str, message: str, author: str, steps: tuple[str, ...] = ()
    ) -> None:
        self.real.decided(by, room, message, author, steps)


def denied(real: Context, denial: Denial) -> Context:
    """The context for a plugin that is held to its declaration."""
    fields: dict[str, Any] = {name: getattr(real, name) for name in real.__struct_fields__}
    fields["service"] = ServiceView(denial, real.plugin, real.service)
    for name in ("messages", "blobs"):
        fields[name] = PartView(denial, real.plugin, name, fields[name])
    return DeniedContext(**fields, real=real, denial=denial)
