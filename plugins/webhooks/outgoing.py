"""Posts events to a receiver, one by one, signed. The consumer retries failed deliveries."""

from collections.abc import Sequence

import msgspec

from chatserver import AnyEvent, Consumer, Context, RoomKind
from chatserver_plugins.webhooks.config import Outgoing
from chatserver_plugins.webhooks.posting import Poster

SPARE_SECONDS = 5.0  # the consumer's own deadline comes after the request's


class Payload(msgspec.Struct, frozen=True):
    """The body of a delivery. `data` is the event as clients get it."""

    type: str
    timestamp: str
    data: AnyEvent


_encode = msgspec.json.Encoder().encode


class Sender:
    """One outgoing hook."""

    def __init__(self, name: str, config: Outgoing, context: Context) -> None:
        """Raises `StartupError` if its `ca_file` cannot be used."""
        self._config, self._service = config, context.service
        self._poster = Poster(
            f"outgoing.{name}",
            config,
            context.version,
            seconds=config.timeout_seconds,
            at_once=config.rooms_at_once,
        )
        self.consumer = Consumer(
            name=f"webhooks.{name}",
            handle=self.send,
            kinds=tuple(config.events),
            rooms=tuple(config.rooms),
            batch=1,  # with several, all would be repeated if the last one failed
            rooms_at_once=config.rooms_at_once,
            attempts=config.attempts,
            deadline=config.timeout_seconds + SPARE_SECONDS,
        )

    async def send(self, events: Sequence[AnyEvent]) -> None:
        """Post the events. Raises `ChatError` if the receiver has not accepted them."""
        if self._config.rooms or await self._is_public(events[-1]):
            for event in events:
                kind = str(event.__struct_config__.tag)
                body = _encode(Payload(type=kind, timestamp=event.at, data=event))
                await self._poster.post(f"{event.room}-{event.seq}", body)

    def close(self) -> None:
        self._poster.close()

    async def _is_public(self, last: AnyEvent) -> bool:
        """Whether the room is, at the event or further on."""
        rooms = await self._service.rooms.get_many([last.room], {last.room: last.seq})
        found = rooms.get(last.room)  # none if it is deleted
        description = found.description if found is not None else None
        return description is not None and description.kind is RoomKind.PUBLIC
