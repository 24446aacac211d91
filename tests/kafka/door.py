"""The way to the broker: it can be cut, speaks TLS, asks for a password, and mends one thing.

Tansu 0.6 answers InitProducerId, without which no producer is idempotent, only from version 3 of it
on; aiokafka knows version 0. https://kafka.apache.org/protocol.html#The_Messages_InitProducerId
"""

import asyncio
import contextlib
import struct

from tests.kafka.guarding import Guard

INIT_PRODUCER_ID = 22
KNOWN_VERSION = 4


class Door:
    """The connections it meets go on to the port `target`."""

    def __init__(self, target: int, account: tuple[str, str] | None) -> None:
        self._target, self._account = target, account
        self._tasks: set[asyncio.Task[None]] = set()

    async def cut(self) -> None:
        """Break all connections; new ones are taken."""
        for task in self._tasks:
            task.cancel()

    async def meet(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                far, forth = await asyncio.open_connection("127.0.0.1", self._target)
                try:
                    await self._join(near, forth, far, back)
                finally:
                    forth.transport.abort()
        finally:
            back.transport.abort()
            self._tasks.discard(task)

    async def _join(
        self,
        near: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        guard = Guard(*self._account) if self._account else None
        mended: set[bytes] = set()  # the correlation ids of requests that were changed

        async def ask() -> None:
            while True:
                request = await frame(near)
                if guard and (own := guard.answer(request)):
                    await send(back, own)
                    continue
                if request[:4] == struct.pack(">hh", INIT_PRODUCER_ID, 0):
                    mended.add(request[4:8])
                    request = newer_request(request)
                await send(forth, request)

        async def answer() -> None:
            while True:
                response = await frame(far)
                if response[:4] in mended:
                    mended.discard(response[:4])
                    response = older_response(response)
                await send(back, response)

        ways = [asyncio.create_task(ask()), asyncio.create_task(answer())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


async def send(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(struct.pack(">i", len(body)) + body)
    await writer.drain()


def newer_request(old: bytes) -> bytes:
    """The newer form of a request for the id of a producer without transactions, which has none yet."""
    (length,) = struct.unpack(">h", old[8:10])
    end = 10 + max(0, length)
    timeout = old[-4:]
    nobody = struct.pack(">qh", -1, -1)
    header = struct.pack(">hh", INIT_PRODUCER_ID, KNOWN_VERSION) + old[4:end] + b"\0"
    return header + b"\0" + timeout + nobody + b"\0"


def older_response(new: bytes) -> bytes:
    """Without the tagged fields of the header and of the end."""
    return new[:4] + new[5:-1]
