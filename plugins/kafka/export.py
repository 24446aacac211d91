"""Selects the events to write, and makes records for their topics."""

import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from chatserver import AnyEvent, Consumer, Service
from chatserver_plugins.kafka.config import ROOM, Config
from chatserver_plugins.kafka.producer import Producer, Record

LONGEST_PAUSE = 10.0  # attempts are cheap, and recovered brokers should be found soon
SPARE_SECONDS = 5.0  # the consumer's own deadline comes after the producer's

_encode = msgspec.json.Encoder().encode


class Export:
    """The consumer: each batch has events of one room, and is done once the brokers have it."""

    def __init__(self, config: Config, service: Service, producer: Producer) -> None:
        self._config, self._service, self._producer = config, service, producer
        self.consumer = Consumer(
            name="kafka.events",
            handle=self.write,
            kinds=tuple(config.events),
            rooms=tuple(config.rooms),
            start=config.start,
            rooms_at_once=config.rooms_at_once,
            attempts=None,  # wait for the brokers, however long they are away
            longest_pause=LONGEST_PAUSE,
            deadline=config.timeout_ms / 1000 + SPARE_SECONDS,
        )

    async def write(self, events: Sequence[AnyEvent]) -> None:
        """Write events. Raises `ChatError` if the brokers have not accepted all of them."""
        room = events[0].room
        if self._config.rooms or await self._is_wanted(events[-1]):
            topic = self._config.topic.replace(ROOM, room)
            await self._producer.send(topic, room.encode(), [record_of(each) for each in events])

    async def _is_wanted(self, last: AnyEvent) -> bool:
        """Whether the room is of a kind that is, at the event or further on."""
        rooms = await self._service.rooms.get_many([last.room], {last.room: last.seq})
        found = rooms.get(last.room)  # none if it is deleted
        description = found.description if found is not None else None
        return description is not None and description.kind in self._config.room_kinds


def record_of(event: AnyEvent) -> Record:
    """A record with the event as clients get it; the headers have its kind and seq too."""
    kind = str(event.__struct_config__.tag)
    # Of an event that expired before it was written nothing is known, not even when it was.
    at = datetime.fromisoformat(event.at).timestamp() if event.at else time.time()
    return Record(
        value=_encode(event),
        at_ms=round(at * 1000),
        headers=[("ev", kind.encode()), ("seq", b"%d" % event.seq)],
    )
