"""The parts that the server relies on in nats-py, aiokafka and the standard library."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from nats.aio.client import PING_PROTO, Client
from nats.errors import Error, FlushTimeoutError

from tests.canaries.listed import canary
from tests.canaries.test_tornado_streams import SOON_SECONDS

INFO = {"server_id": "a", "version": "2.10.0", "max_payload": 1 << 20, "headers": True}
TLS = b"\x16"  # how a client begins


class Nats:
    """As much of a NATS server as a client needs to connect."""

    def __init__(self) -> None:
        self.received = b""
        self.answers = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"INFO {json.dumps(INFO)}\r\n".encode())
        with suppress(OSError):
            while part := await reader.read(65536):
                self.received += part
                if part[:1] == TLS:
                    break
                if b"PING\r\n" in part and self.answers:
                    writer.write(b"PONG\r\n")
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Nats, str]]:
    nats = Nats()
    server = await asyncio.start_server(nats.serve, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(SOON_SECONDS):
            yield nats, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def connected(kind: type[Client], place: str) -> AsyncIterator[Any]:
    client = kind()
    await client.connect(f"nats://{place}", allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()


@canary(Client, "_process_info", "_current_server")
async def test_a_changed_field_of_the_servers_info_counts() -> None:
    seen: list[object] = []

    class Own(Client):
        async def _process_info(self, info: Any, initial_connection: bool = False) -> None:
            assert self._current_server is not None
            seen.append((info["server_id"], initial_connection, self._current_server.uri.scheme))
            info["tls_required"] = True
            await super()._process_info(info, initial_connection)

    async with listening() as (nats, place):
        client = Own()
        with pytest.raises((OSError, Error)):
            await client.connect(
                f"tls://{place}",
                tls=ssl.create_default_context(),
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
            )
        assert seen[0] == ("a", True, "tls")
        assert nats.received[:1] == TLS, "nothing is said in clear"


@canary(Client, "_process_pong", "_pongs")
async def test_an_answer_that_came_too_late_is_an_error_of_the_client() -> None:
    """If not, `BusClient._process_pong` is no longer needed."""
    async with listening() as (nats, place), connected(Client, place) as client:
        await client.flush(timeout=SOON_SECONDS)
        assert client._pongs == []
        nats.answers = False
        with pytest.raises(FlushTimeoutError):
            await client.flush(timeout=0.05)
        (pong,) = client._pongs
        assert pong.done()
        with pytest.raises(asyncio.InvalidStateError):
            await client._process_pong()


@canary(Client, "_process_pong", "_pongs")
async def test_each_answer_of_the_server_is_processed() -> None:
    class Own(Client):
        processed = 0

        async def _process_pong(self) -> None:
            self.processed += 1
            await super()._process_pong()

    async with listening() as (_, place), connected(Own, place) as client:
        before = client.processed
        await client.flush(timeout=SOON_SECONDS)
        assert client.processed == before + 1


@canary(Client, "_send_ping", "_send_command", "_flush_pending")
async def test_the_client_asks_before_what_waits_to_be_sent() -> None:
    """If not, `BusClient._send_ping` is no longer needed."""

    class Own(Client):
        async def _send_ping(self, future: Any = None) -> None:
            self._pongs.append(future)
            await self._send_command(PING_PROTO)
            await self._flush_pending()

    for kind, order in ((Client, [b"PING", b"SUB"]), (Own, [b"SUB", b"PING"])):
        async with listening() as (nats, place), connected(kind, place) as client:
            before = len(nats.received)
            await client.subscribe("s")
            await client.flush(timeout=SOON_SECONDS)
            said = nats.received[before:].splitlines()
            assert [line.split()[0] for line in said[:2]] == order


@canary(AIOKafkaProducer, "_closed", "_sender")
async def test_a_producer_that_is_marked_closed_stops_at_once() -> None:
    """`Client.abandon` closes what `stop` would wait for."""
    producer: Any = AIOKafkaProducer(bootstrap_servers="127.0.0.1:9")
    closed, producer._closed = producer._closed, True
    assert closed is False
    waits = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await waits

    producer._sender._sender_task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    with suppress(asyncio.CancelledError):
        await producer._sender.close()
    assert waits.cancelled()
    await producer.client.close()
    await producer.stop()


@canary(logging.FileHandler, "_open")
def test_every_file_of_a_log_is_opened_by_the_method_we_override(tmp_path: Path) -> None:
    opened: list[str] = []

    class Own(RotatingFileHandler):
        def _open(self) -> Any:
            opened.append(self.baseFilename)
            return super()._open()

    path = tmp_path / "log"
    handler = Own(path, maxBytes=10, backupCount=1, encoding="utf-8")
    handler.emit(logging.makeLogRecord({"msg": "12345678"}))
    handler.emit(logging.makeLogRecord({"msg": "second"}))
    handler.close()
    assert opened == [str(path)] * 2
    assert path.read_text() == "second\n"
