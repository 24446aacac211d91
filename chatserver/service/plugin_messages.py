"""Messages and events of one plugin: posted with data and parts, and changed later; noted in the log."""

from collections.abc import Mapping
from typing import Any

from chatserver.hooks.types import DataChange
from chatserver.model import MessagePosted, PluginEvent, User
from chatserver.parts import NAMESPACE, Parts
from chatserver.roomlog.room import Room
from chatserver.runtime.ids import new_id
from chatserver.service.service import Service


class PluginMessages:
    """Posts messages of a plugin, with data in its own namespaces only."""

    def __init__(self, plugin: str, service: Service) -> None:
        self._plugin, self._service = plugin, service

    async def post(
        self,
        user: User,
        room: Room,
        body: str,
        *,
        data: Mapping[str, Any] | None = None,
        parts: Parts | None = None,
        context: Any = None,
        client_id: str | None = None,
        reply_to: str | None = None,
        thread: str | None = None,
        broadcast: bool = False,
    ) -> MessagePosted:
        """Post a message as `user`, whose rights count; returns it once it is durable.

        `data` has a value for each namespace. `context` is kept on the server, and comes back with each use of
        the parts (`Interaction.context`). With the same `client_id` a repeat gets the first message. Raises
        `ChatError`, message.data_invalid among others.
        """
        given = dict(data or {})
        if parts is not None:
            given[NAMESPACE] = parts
        client_id = client_id or new_id()
        if context is not None:
            await self._service.contexts.keep(user.id, client_id, context)
        event, _ = await self._service.messages.post(
            user,
            room,
            client_id,
            body,
            reply_to,
            thread=thread,
            broadcast=broadcast,
            data=given,
            plugin=self._plugin,
        )
        return event

    async def change(self, room: Room, message: str, change: DataChange) -> int:
        """Change the plugin's data in a message; returns the seq of the change, or the room's head for none.

        `change` gets the present data by namespace, and returns the new values, or None. It may be called
        several times: no change of another node is lost. Raises `ChatError` message.not_found,
        message.data_invalid, limit.count.
        """
        return await self._service.messages.change_data(self._plugin, room, message, change)

    async def note(self, user: User, room: Room, name: str, payload: Any = None) -> PluginEvent:
        """Note an event of the plugin's own in the log of a room, as done by `user`, who may post there.

        `name` is that of a registered `EventKind`. Raises `ChatError`, message.data_invalid among others.
        """
        events = self._service.plugin_events
        return await events.note(self._plugin, user, room, name, payload)
