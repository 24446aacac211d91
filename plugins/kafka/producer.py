"""Writes batches of one room, in order, through a connection that all rooms share.

A producer that failed may have lost count of its records, so it is abandoned, and the next batch makes
another one. The consumer repeats unconfirmed events: a reader may see some twice, but never misses one.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka.errors import (
    AuthenticationFailedError,
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
)
from aiokafka.partitioner import DefaultPartitioner

from chatserver import ChatError, Meaning, Undeliverable
from chatserver_plugins.kafka.client import Client, last_words, options
from chatserver_plugins.kafka.config import Config

RETRY_SECONDS = 1.0  # between two attempts to connect, for all rooms
NOT_SIGNED_IN = "the brokers do not accept the name or the password"

UNAVAILABLE = Meaning(503, "later", "The Kafka brokers have not accepted the event.")
REFUSED = Meaning(413, "never", "The Kafka brokers do not accept an event of this kind or size.")
_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, CorruptRecordException)
_SILENT = (KafkaConnectionError, TimeoutError)  # aiokafka gives the reason only in its log

_partition = DefaultPartitioner()  # chooses the same partition as Java's clients


class Record(NamedTuple):
    value: bytes
    at_ms: int  # Unix time
    headers: list[tuple[str, bytes]]


class Producer:
    """Sends records to the brokers. It connects for the first batch."""

    def __init__(self, config: Config) -> None:
        """Raises `StartupError`."""
        self._options = options(config)
        self._seconds = config.timeout_ms / 1000
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._next_try = 0.0
        self._ending: set[asyncio.Task[None]] = set()

    async def send(self, topic: str, key: bytes, records: Sequence[Record]) -> None:
        """Return once the brokers have all records, in this order.

        Raises `ChatError` kafka.unavailable or `Undeliverable` kafka.refused; then the first ones may have
        been written. Allows one call at a time for each key.
        """
        try:
            async with asyncio.timeout(self._seconds):
                client = await self._connected()
                partitions = sorted(await client.partitions_for(topic))
                partition = _partition(key, partitions, partitions)
                await self._write(client, topic, partition, key, records)
        except _REFUSALS as error:
            raise Undeliverable("kafka.refused", _text(error), meaning=REFUSED) from error
        except (KafkaError, OSError) as error:  # a TimeoutError is an OSError
            raise ChatError("kafka.unavailable", _text(error), meaning=UNAVAILABLE) from error

    async def close(self) -> None:
        if self._client is not None:
            self._give_up(self._client)
        while self._ending:
            await asyncio.wait(self._ending)

    # -- one batch -----------------------------------------------------------------------------------

    async def _write(
        self, client: Client, topic: str, partition: int, key: bytes, records: Sequence[Record]
    ) -> None:
        """Write, or end if the client is abandoned meanwhile. Abandons it after any failure."""
        writing = asyncio.ensure_future(_write_all(client, topic, partition, key, records))
        ended = asyncio.ensure_future(client.ended.wait())
        try:
            await asyncio.wait({writing, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                raise ProducerClosed
            writing.result()
        except BaseException:
            self._give_up(client)
            raise
        finally:
            ended.cancel()
            writing.cancel()
            await asyncio.gather(writing, ended, return_exceptions=True)

    # -- the connection ------------------------------------------------------------------------------

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None:
                loop = asyncio.get_running_loop()
                await asyncio.sleep(self._next_try - loop.time())
                self._next_try = loop.time() + RETRY_SECONDS
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> Client:
        client = Client(self._options)
        try:
            await client.start()
        except (LookupError, ValueError) as error:
            # aiokafka cannot parse a broker's refusal of SCRAM.
            self._give_up(client)
            raise AuthenticationFailedError(NOT_SIGNED_IN) from error
        except BaseException:
            self._give_up(client)
            raise
        last_words.text = ""  # earlier messages do not matter any more
        return client

    def _give_up(self, client: Client) -> None:
        if client is self._client:
            self._client = None
        if not client.ended.is_set():
            client.ended.set()
            task = asyncio.create_task(client.abandon(), name="kafka: give up")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


async def _write_all(
    client: Client, topic: str, partition: int, key: bytes, records: Sequence[Record]
) -> None:
    """Write part by part, each after the brokers have the one before, which keeps their order."""
    part = client.create_batch()
    for record in records:
        if _append(part, key, record):
            continue
        await _deliver(client, topic, partition, part)
        part = client.create_batch()
        _append(part, key, record)  # the first record always fits
    await _deliver(client, topic, partition, part)


def _append(part: Any, key: bytes, record: Record) -> bool:
    """Add the record; False if the batch is full."""
    added = part.append(timestamp=record.at_ms, key=key, value=record.value, headers=record.headers)
    return added is not None


async def _deliver(client: Client, topic: str, partition: int, part: Any) -> None:
    part.close()
    await (await client.send_batch(part, topic, partition=partition))


def _text(error: Exception) -> str:
    """The reason in words. No error of aiokafka contains a record's content."""
    name = type(error).__name__
    if isinstance(error, _SILENT) and last_words.text:
        return f"{name}: {last_words.text}"
    return f"{name}: {error}" if str(error) else name
