"""The bus through redis-py: one connection that listens, and one that publishes."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chatserver import BusLink, BusUnavailable, StartupError
from chatserver_plugins.redis_bus.config import Config

IDLE_SECONDS = 2.0  # without a frame, before a check that Redis answers

NO_ADDRESS = (
    "expected an address such as redis://host:6379/0; in a password, :/?#[]@% must be "
    "percent-encoded"
)

# uvloop raises RuntimeError for a connection that was reset since its last use.
FAILURES = (RedisError, OSError, TimeoutError, RuntimeError)


class RedisBus(BusLink):
    """Keeps nothing in Redis; several installations may share one, each with its own channel."""

    def __init__(self, config: Config) -> None:
        super().__init__("redis")
        self._channel = config.channel
        self._seconds = config.timeout_ms / 1000
        try:
            self._client = Redis.from_url(
                config.uri,
                socket_timeout=self._seconds,
                socket_connect_timeout=self._seconds,
                # A silent reconnection would hide a loss of frames.
                retry=Retry(NoBackoff(), 0),
                client_name="chatserver",
            )
        except ValueError:  # the error may quote part of a password as the port
            raise StartupError(f"plugin.redis_bus.uri: {NO_ADDRESS}") from None

    async def carry(self) -> None:
        listener: Any = self._client.pubsub()
        try:
            await listener.subscribe(self._channel)
            while True:
                await self._take(listener)
        finally:
            await listener.aclose()

    async def _take(self, listener: Any) -> None:
        """Take the next message, or after a while the answer to a ping. Raises if neither comes."""
        message = await listener.get_message(timeout=IDLE_SECONDS)
        if message is None:
            await listener.ping()
            message = await listener.get_message(timeout=self._seconds)
            if message is None:
                raise TimeoutError("Redis does not answer")
        if message["type"] == "subscribe":
            self.up()
        elif message["type"] == "message":
            self.receive(message["data"])

    async def publish(self, frames: Sequence[bytes]) -> None:
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for frame in frames:
                    pipeline.publish(self._channel, frame)
                await pipeline.execute()
        except FAILURES as error:
            raise BusUnavailable(str(error)) from error

    async def close(self) -> None:
        await super().close()
        await self._client.aclose()
