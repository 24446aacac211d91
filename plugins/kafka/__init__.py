"""Kafka: writes the events of rooms to topics, in order. See docs/kafka.md."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import chatserver
from chatserver_plugins.kafka import config as settings

if TYPE_CHECKING:
    from chatserver_plugins.kafka.producer import Producer


class KafkaPlugin:
    """One consumer of the log, which writes through one producer."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured", "discovered"), service=("rooms.get_many",))

    def __init__(self, config: settings.Config) -> None:
        self._config = config
        self._producer: Producer | None = None

    @chatserver.hookimpl
    def register_consumers(self, context: chatserver.Context) -> Sequence[chatserver.Consumer]:
        with chatserver.from_extra("kafka", "aiokafka"):
            from chatserver_plugins.kafka.export import Export
            from chatserver_plugins.kafka.producer import Producer
        self._producer = Producer(self._config)
        return [Export(self._config, context.service, self._producer).consumer]

    @chatserver.hookimpl
    async def shutdown(self) -> None:
        if self._producer is not None:
            await self._producer.close()


__all__ = ["KafkaPlugin"]
