"""Brokers that die, hang or are out of reach, and a server that is killed: nothing lost, order kept."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from chatserver_plugins.kafka import producer
from tests.faults.server import ChatServer
from tests.kafka.broker import Broker
from tests.kafka.chat import Chat, chat
from tests.kafka.reading import Reader, reading
from tests.waiting import until

MESSAGES = 60


async def kill_in_the_middle(made: Chat, broker: Broker) -> dict[str, int]:
    """Kill the broker while it is written to, and start it again. The last seq of each room."""
    rooms = [await made.room() for _ in range(3)]

    async def traffic() -> list[int]:
        return [await made.post(room, MESSAGES) for room in rooms for _ in range(2)][1::2]

    writing = asyncio.create_task(traffic())
    await until(lambda: made.count("chatserver_consumer_events_total") > MESSAGES / 2)
    broker.kill()
    await until(lambda: made.count("chatserver_consumer_failures_total") > 0)
    broker.start()
    return dict(zip([room.id for room in rooms], await writing, strict=True))


async def expect_all(reader: Reader, lasts: dict[str, int]) -> None:
    for room, last in lasts.items():
        await reader.until(room, last)
        assert reader.first(room) == [*range(1, last + 1)]


async def test_a_broker_that_is_killed_gets_all_when_it_is_back(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with chat(tmp_path, broker, topic=topic, timeout_ms=1000) as made:
        lasts = await kill_in_the_middle(made, broker)
        async with reading(broker, topic) as reader:
            await expect_all(reader, lasts)
        assert await made.server.consumers.dead("kafka.events", None) == []


async def test_a_broker_that_hangs_and_connections_that_break(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with (
        chat(tmp_path, broker, topic=topic, timeout_ms=1000) as made,
        reading(broker, topic) as reader,
    ):
        room = await made.room()
        for _ in range(3):
            await made.post(room, 20)
            broker.cut()
        await reader.until(room.id, await made.post(room))
        broker.freeze()
        last = await made.post(room, 20)
        failures = made.count("chatserver_consumer_failures_total")
        await until(lambda: made.count("chatserver_consumer_failures_total") > failures)
        broker.thaw()
        await expect_all(reader, {room.id: last})


async def test_a_broker_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    broker.kill()
    async with chat(tmp_path, broker, topic=topic) as made:
        room = await made.room()
        last = await made.post(room, 3)
        await until(lambda: made.count("chatserver_consumer_failures_total") > 0)
        broker.start()
        async with reading(broker, topic) as reader:
            await expect_all(reader, {room.id: last})


async def test_a_server_stops_while_the_broker_hangs(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with asyncio.timeout(30):  # of which the plugin has its deadline of 60 s none
        async with chat(tmp_path, broker, topic=topic, timeout_ms=60_000) as made:
            room = await made.room()
            await made.post(room, 3)
            await until(lambda: made.count("chatserver_consumer_events_total") > 0)
            broker.freeze()
            await made.post(room, 3)
            await asyncio.sleep(0.1)


async def test_a_producer_that_does_not_wait_for_the_broker_is_found_out(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = producer._deliver

    async def hardly_wait(*given: Any) -> None:
        """In place of `_deliver`: taken, whether the broker has it or not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await deliver(*given)

    broker.add_topic("lossy", partitions=1)
    async with chat(tmp_path, broker, topic="lossy") as made:
        room = await made.room()
        await until(made.is_done)
        broker.freeze()
        monkeypatch.setattr(producer, "_deliver", hardly_wait)
        for _ in range(5):  # the driver keeps two batches, and sends them once the broker is back
            last = await made.post(room, 4)
            await until(made.is_done)
        broker.kill()
        broker.start()
        monkeypatch.undo()
        mark = await made.room()
        async with reading(broker, "lossy") as reader:
            await reader.until(mark.id, await made.post(mark))
            assert reader.first(room.id) != [*range(1, last + 1)]


async def test_a_server_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    settings = {
        "plugin__kafka__brokers": broker.address,
        "plugin__kafka__topic": topic,
        "plugins__enabled": "sqlite,password,metrics,kafka",
    }
    with ChatServer(tmp_path, **settings) as server:
        token = server.register("ada")
        rooms = [server.room(token), server.room(token)]
        for room in rooms:
            post(server, token, room, "before")
        await until(lambda: server.metric("chatserver_consumer_events_total") > MESSAGES / 2)
        server.kill()
        server.start()
        lasts = {room: post(server, token, room, "after") for room in rooms}
        async with reading(broker, topic) as reader:
            await expect_all(reader, lasts)


def post(server: ChatServer, token: str, room: str, name: str) -> int:
    """Many messages; the seq of the last one."""
    for number in range(MESSAGES):
        message = {"client_id": f"{room}{name}{number}", "body": f"text {number}"}
        answer = server.post(f"/api/v1/rooms/{room}/messages", token, message)
    return int(answer["seq"])
