"""A stranger on the bus of some nodes, who receives all frames and can send any."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from nats.aio.client import Client as Nats
from redis.asyncio import Redis

CHANNEL = "chatserver"
REMEMBERED = 1000
COPIES = 3
LATEST_SECONDS = 0.3
ROUND_SECONDS = 0.02


class Wire(Protocol):
    """A connection to a bus's server."""

    async def say(self, data: bytes) -> None: ...

    async def hear(self) -> bytes: ...


class RedisWire:
    def __init__(self, client: Redis, heard: Any) -> None:
        self._client, self._heard = client, heard

    async def say(self, data: bytes) -> None:
        await self._client.publish(CHANNEL, data)

    async def hear(self) -> bytes:
        while True:
            message = await self._heard.get_message(ignore_subscribe_messages=True, timeout=1)
            if message is not None:
                return bytes(message["data"])


class NatsWire:
    def __init__(self, client: Nats, heard: Any) -> None:
        self._client, self._heard = client, heard

    async def say(self, data: bytes) -> None:
        await self._client.publish(CHANNEL, data)

    async def hear(self) -> bytes:
        while True:
            with suppress(TimeoutError):
                return bytes((await self._heard.next_msg(timeout=1)).data)


@asynccontextmanager
async def wire(bus: str, port: int) -> AsyncIterator[Wire]:
    if bus == "redis":
        async with Redis(port=port) as client, client.pubsub() as heard:
            await heard.subscribe(CHANNEL)
            yield RedisWire(client, heard)
    else:
        nats = Nats()
        await nats.connect(f"nats://127.0.0.1:{port}")
        try:
            yield NatsWire(nats, await nats.subscribe(CHANNEL))
        finally:
            await nats.close()


async def repeat(other: Wire, seed: int) -> None:
    """Say each frame again, some times, late, and so in another order. Until it is cancelled."""
    chance = random.Random(seed)
    ours: dict[bytes, None] = {}  # what comes back to us is not said again

    async def later(frame: bytes) -> None:
        await asyncio.sleep(chance.uniform(0, LATEST_SECONDS))
        await other.say(frame)

    async with asyncio.TaskGroup() as saying:
        while True:
            frame = await other.hear()
            if frame in ours:
                continue
            ours[frame] = None
            if len(ours) > REMEMBERED:
                del ours[next(iter(ours))]
            for _ in range(COPIES):
                saying.create_task(later(frame))


HOSTILE = (
    b"",
    b"hello",
    b"\xff" * 1000,
    b"[" * 3000,
    b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",  # a pickle
    b'{"epoch":{"$ne":1},"node":"n","items":[]}',
    b'0000000000000000000000000000000{"epoch":"e","node":"n","items":[["head","r",9007199254740991]]}',
    b"x" * (1 << 19),
)


async def pester(other: Wire) -> None:
    """Say what is no frame, and frames that were tampered with. Until it is cancelled."""
    while True:
        frame = await other.hear()
        half = len(frame) // 2
        for data in (*HOSTILE, frame[:half], frame + b"x", frame[:half] + b"9" + frame[half + 1 :]):
            await other.say(data)
        await asyncio.sleep(ROUND_SECONDS)
