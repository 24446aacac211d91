"""What plugins claim that are not here, and the refusal of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from chatserver.errors import ChatError
from chatserver.model import ServerRole, User


class Claimant(NamedTuple):
    """A plugin that is not here and claims an action: of everybody, or of some users.

    `has_record` tells by a user's id whether the plugin keeps a record of them; None if that does not matter.
    """

    plugin: str
    roles: frozenset[ServerRole] = frozenset()
    has_record: Callable[[str], Awaitable[bool]] | None = None

    async def claims_of(self, user: User | None) -> bool:
        """Whether it claims the action of this user; None is somebody without an account. Raises `ChatError`."""
        if self.has_record is None and not self.roles:
            return True
        if user is None:
            return False
        if user.role in self.roles:
            return True
        return self.has_record is not None and await self.has_record(user.id)


# By action's name, then by room (None: all).
Absent: TypeAlias = Mapping[str, Mapping[str | None, Sequence[Claimant]]]


class PluginAbsent(ChatError):
    """A plugin that guards this is off or missing."""

    def __init__(self, plugin: str) -> None:
        super().__init__(
            "plugin.absent",
            f"The plugin {plugin}, which guards this, is not running.",
            detail={"plugin": plugin},
        )


async def demand_present(absent: Absent, action: str, room: str | None, user: User | None) -> None:
    """Raise `PluginAbsent` if a plugin that is not here claims the action of this user."""
    claimed = absent.get(action)
    if claimed is None:
        return
    for place in (None,) if room is None else (None, room):
        for claimant in claimed.get(place, ()):
            if await claimant.claims_of(user):
                raise PluginAbsent(claimant.plugin)
