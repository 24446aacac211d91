"""A reader of the topics that knows Kafka and not our code."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from tests.kafka.broker import Broker

DEADLINE = 60.0


class Reader:
    """All records of some topics, as they come."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.records: list[ConsumerRecord[bytes, bytes]] = []

    async def until(self, room: str, seq: int) -> None:
        """Read until this event is there."""
        async with asyncio.timeout(DEADLINE):
            while seq not in self.seqs(room):
                for part in (await self._consumer.getmany(timeout_ms=200)).values():
                    self.records += part

    def of(self, room: str) -> list[ConsumerRecord[bytes, bytes]]:
        return [record for record in self.records if record.key == room.encode()]

    def events(self, room: str) -> list[dict[str, Any]]:
        return [json.loads(record.value or b"") for record in self.of(room)]

    def seqs(self, room: str) -> list[int]:
        return [event["seq"] for event in self.events(room)]

    def first(self, room: str) -> list[int]:
        """Without repeats."""
        return list(dict.fromkeys(self.seqs(room)))


@asynccontextmanager
async def reading(broker: Broker, *topics: str) -> AsyncIterator[Reader]:
    """From the first record on."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=broker.address, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield Reader(consumer)
    finally:
        await consumer.stop()
