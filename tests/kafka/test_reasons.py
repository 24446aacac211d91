"""An error about brokers that do not answer gives the present cause, not one of an earlier attempt."""

import asyncio

import pytest

from chatserver import ChatError
from chatserver_plugins.kafka.client import last_words
from chatserver_plugins.kafka.config import Config
from chatserver_plugins.kafka.producer import Producer, Record


class Silent:
    """A client that connects, and then hears nothing of the topic."""

    def __init__(self, options: object) -> None:
        self.ended = asyncio.Event()

    async def start(self) -> None: ...

    async def abandon(self) -> None: ...

    async def partitions_for(self, topic: str) -> set[int]:
        await asyncio.Event().wait()
        return set()


async def test_a_reason_is_not_that_of_an_earlier_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver_plugins.kafka.producer.Client", Silent)
    monkeypatch.setattr(last_words, "text", "no such host")
    producer = Producer(Config(brokers=["127.0.0.1:1"], timeout_ms=1000))
    with pytest.raises(ChatError, match=r"kafka\.unavailable: TimeoutError$"):
        await producer.send("topic", b"room", [Record(b"{}", 0, [])])
    await producer.close()
