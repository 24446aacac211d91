"""Events of plugins' own kinds: noted in the log of a room, and delivered like all others."""

from collections.abc import Iterable
from typing import Any

from chatserver.hooks.types import EventKind
from chatserver.model import PluginEvent, User, UserRef
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.rights import Right, demand
from chatserver.service.values import canonical, refuse


class PluginEvents:
    """Notes events of the registered kinds."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kinds: dict[str, tuple[str, EventKind]] = {}  # with the plugin, by name

    def register(self, found: Iterable[tuple[str, EventKind]]) -> None:
        """Take over the kinds of plugins, in place of those before; their names were checked."""
        self._kinds = {kind.name: (plugin, kind) for plugin, kind in found}

    async def note(
        self, plugin: str, user: User, room: Room, name: str, payload: Any
    ) -> PluginEvent:
        """Append an event as done by `user`, who needs the right to post; returns it once it is durable.

        Raises `ChatError` room.forbidden, room.not_found, and message.data_invalid for a kind that is not the
        plugin's, or a payload that is not valid.
        """
        owner, kind = self._kinds.get(name, ("", None))
        if kind is None or owner != plugin:
            refuse(name, "unknown", f"The plugin {plugin} has no event of this kind.")
        value = canonical(name, kind.schema, kind.max_bytes, payload)
        author = UserRef.of(user)

        def build(seq: int, at: str) -> PluginEvent:
            return PluginEvent(
                room=room.id, seq=seq, at=at, author=author, type=name, payload=value
            )

        event = await self._log.append(room, build, lambda: demand(user, room, Right.POST))
        assert isinstance(event, PluginEvent)
        return event
