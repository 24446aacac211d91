"""The data of messages: the namespaces that plugins registered, and the only check of what comes in."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from chatserver import parts
from chatserver.hooks.guard import Guard
from chatserver.hooks.types import MessageData
from chatserver.model import NO_DATA
from chatserver.service.values import MOST_BYTES, canonical, refuse

NAMESPACES = 8  # in one message
ALL_BYTES = 32_768  # of all data of a message
TEXT_CHARS = 2000  # of the text for search
HOOK = "register_message_data"  # by which failures are counted

_PARTS = MessageData(name=parts.NAMESPACE, schema=parts.Parts, max_bytes=MOST_BYTES)


class Kind(NamedTuple):
    """A namespace, and its plugin; that of the server's own has no name."""

    plugin: str
    data: MessageData


class MessageDataKinds:
    """The registered namespaces."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._kinds: dict[str, Kind] = {}
        self.register(())

    def register(self, found: Iterable[tuple[str, MessageData]]) -> None:
        """Take over the namespaces of plugins, in place of those before; their names were checked."""
        own = {parts.NAMESPACE: Kind("", _PARTS)}
        self._kinds = own | {data.name: Kind(plugin, data) for plugin, data in found}

    def kind(self, name: str) -> Kind | None:
        """The namespace of this name; None if its plugin is off."""
        return self._kinds.get(name)

    def called(self, kind: str) -> frozenset[str]:
        """The namespaces that searches call so, as in `has:file`; none if there is no such kind."""
        named = (name for name, (_, data) in self._kinds.items() if kind in (name, data.has))
        return frozenset(named)

    def from_client(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a client sends, in canonical form; None removes a namespace from an edited message.

        Raises `ChatError` message.data_invalid.
        """
        return {name: self._from_client(name, value) for name, value in data.items()}

    def _from_client(self, name: str, value: Any) -> Any:
        kind = self._kinds.get(name)
        if kind is None or not kind.data.from_clients:
            refuse(name, "unknown", "Clients send no data of this name.")
        return (
            None
            if value is None
            else canonical(kind.data.name, kind.data.schema, kind.data.max_bytes, value)
        )

    def from_plugin(
        self, plugin: str, data: Mapping[str, Any], present: Mapping[str, Any] = NO_DATA
    ) -> Mapping[str, Any]:
        """What a plugin gives, in canonical form: structs become objects. None removes a namespace.

        `present` is the data that the message has. Raises `ChatError` message.data_invalid, also for namespaces
        of others, and for parts in place of another plugin's.
        """
        return {
            name: self._from_plugin(plugin, name, value, present.get(name))
            for name, value in data.items()
        }

    def _from_plugin(self, plugin: str, name: str, value: Any, present: Any) -> Any:
        kind = self._kinds.get(name)
        if kind is None or kind.plugin not in ("", plugin):
            refuse(name, "unknown", f"The plugin {plugin} has no data of this name.")
        made = (
            None
            if value is None
            else canonical(kind.data.name, kind.data.schema, kind.data.max_bytes, value)
        )
        if name == parts.NAMESPACE:
            for each in (made, present):
                if each is not None and not self._is_of(plugin, each["of"]):
                    refuse(name, "unknown", f"{each['of']} is no data of the plugin {plugin}.")
        return made

    def _is_of(self, plugin: str, name: str) -> bool:
        kind = self._kinds.get(name)
        return kind is not None and kind.plugin == plugin

    def joined(self, present: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of a message with new values. Raises `ChatError` message.data_invalid if it is too much."""
        data = {name: value for name, value in {**present, **new}.items() if value is not None}
        if not data:
            return NO_DATA
        if len(data) > NAMESPACES or len(msgspec.json.encode(data)) > ALL_BYTES:
            name = next(reversed(data))
            refuse(name, "large", "The message has too much data.")
        return data

    def text(self, data: Mapping[str, Any]) -> str:
        """The text of the data for search. A plugin that fails to make its part is logged and left out."""
        found = (self._text(name, value) for name, value in data.items())
        return "\n".join(filter(None, found))[:TEXT_CHARS]

    def _text(self, name: str, value: Any) -> str:
        kind = self._kinds.get(name)
        if kind is None or kind.data.text is None:
            return ""
        try:
            text = kind.data.text(msgspec.convert(value, kind.data.schema))
            if not isinstance(text, str):
                raise TypeError(f"text returned {type(text).__name__}")
            text.encode()  # a lone surrogate could not be stored
        except Exception as error:
            self._guard.note_crash(HOOK, kind.plugin, error)
            return ""
        return text[:TEXT_CHARS]
