"""An address that makes no sense refuses to start; of others the log says why nothing is carried."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from chatserver import Bus, StartupError
from chatserver.config.settings import convert
from chatserver.testing.buses import Node
from chatserver_plugins.mongo_bus import MongoBusPlugin
from chatserver_plugins.nats_bus import NatsBusPlugin
from chatserver_plugins.postgres_bus import PostgresBusPlugin
from chatserver_plugins.redis_bus import RedisBusPlugin
from tests.buses.servers import BusServer, nats_server
from tests.servers import Mongod, free_port
from tests.waiting import until

PLUGINS: dict[str, Any] = {
    "mongo": MongoBusPlugin,
    "nats": NatsBusPlugin,
    "postgres": PostgresBusPlugin,
    "redis": RedisBusPlugin,
}


def bus(kind: str, uri: str, **settings: object) -> Bus:
    plugin = PLUGINS[kind]
    made: Bus = plugin(convert({"uri": uri} | settings, plugin.Config)).provide_bus()
    return made


@asynccontextmanager
async def opened(*buses: Bus) -> AsyncIterator[list[Node]]:
    nodes = [Node(each) for each in buses]
    try:
        for node in nodes:
            await node.open()
        yield nodes
    finally:
        for node in nodes:
            await node.bus.close()


async def until_said(logged: list[str], text: str) -> None:
    await until(lambda: any(text in line for line in logged))


@pytest.mark.parametrize("kind", PLUGINS)
@pytest.mark.parametrize("uri", ["http://127.0.0.1:4222", "127.0.0.1:4222", "secret"])
def test_another_kind_of_address_is_refused(kind: str, uri: str) -> None:
    with pytest.raises(StartupError, match="uri: expected") as caught:
        bus(kind, uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "uri", "text"),
    [
        ("nats", "nats://127.0.0.1:port", "uri: expected nats"),
        ("nats", "nats://127.0.0.1:4222,127.0.0.1:4223", "uri: expected nats"),
        ("mongo", "mongodb://me:p@ss@127.0.0.1", "mongo_bus.uri: Username and password must be"),
        ("redis", "redis://127.0.0.1:port", "redis_bus.uri: expected an address"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(kind: str, uri: str, text: str) -> None:
    with pytest.raises(StartupError, match=text):
        bus(kind, uri)


@pytest.mark.parametrize(
    ("kind", "uri"),
    [
        ("mongo", "mongodb://127.0.0.1:{port}"),
        ("nats", "nats://127.0.0.1:{port}"),
        ("postgres", "postgresql://me@127.0.0.1:{port}/chat"),
        ("redis", "redis://127.0.0.1:{port}"),
    ],
)
async def test_the_reason_for_no_answer_is_reported(kind: str, uri: str, logged: list[str]) -> None:
    async with opened(bus(kind, uri.format(port=free_port()))):
        await until_said(logged, f"bus {kind}: away")
    assert any("onnect call failed" in line or "onnection refused" in line for line in logged)


async def test_a_wrong_password_is_reported_in_short(
    replica_set: Mongod, logged: list[str]
) -> None:
    uri = replica_set.uri.replace("//", "//me:a-secret@")
    async with opened(bus("mongo", uri)):
        await until_said(logged, "Authentication failed.\n")
    assert not any("a-secret" in line for line in logged)


# -- TLS, which NATS asks for in plain text ----------------------------------------------------------


async def test_nats_over_tls(tmp_path: Path, authority: trustme.CA, ca_file: str) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    certificate.private_key_pem.write_to_path(str(key))
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    with nats_server("--tls", "--tlskey", str(key), "--tlscert", str(chain)) as server:
        # Longer than a busy machine stands still: who connects anew meanwhile misses what is said.
        settings = {"uri": f"tls://127.0.0.1:{server.port}", "timeout_ms": 60_000}
        buses = (bus("nats", ca_file=ca_file, **settings) for _ in range(2))
        async with opened(*buses) as (one, other):
            await one.until_restored()
            await other.until_restored()
            await one.bus.publish([b"hello"])
            await other.until_heard(b"hello")
            assert (one.frames, other.frames) == ([], [b"hello"])


async def test_nats_is_asked_for_an_answer_after_what_it_was_sent() -> None:
    """Otherwise a subscription counted as made, and a frame as published, which the server had not seen."""
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id": "x", "max_payload": 1048576}\r\n')
        while line := await reader.readline():
            said.append(line.split()[0])
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(bus("nats", f"nats://127.0.0.1:{port}")) as (node,):
            await node.until_restored()
            await node.bus.publish([b"hello"])
    assert said[:7] == [b"CONNECT", b"PING", b"SUB", b"PING", b"PUB", b"hello", b"PING"]


async def test_an_authority_that_is_not_known_is_not_believed(
    nats: BusServer, authority: trustme.CA, logged: list[str]
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with (
        pretended(context) as (port, got),
        opened(bus("nats", f"tls://me:pw@127.0.0.1:{port}")),
    ):
        await until_said(logged, "CERTIFICATE_VERIFY_FAILED")
    assert not any(b"CONNECT" in line for line in got)


async def test_a_password_that_is_for_tls_never_goes_without_it(logged: list[str]) -> None:
    async with pretended(None) as (port, got), opened(bus("nats", f"tls://me:pw@127.0.0.1:{port}")):
        await until_said(logged, "bus nats: away")
    assert got
    assert not any(b"CONNECT" in line for line in got)


def test_an_invalid_file_of_authorities_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"plugin\.nats_bus\.ca_file: .*No such file"):
        bus("nats", "tls://127.0.0.1:4222", ca_file=str(tmp_path / "nothing.pem"))


@asynccontextmanager
async def pretended(tls: ssl.SSLContext | None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Somebody who greets as NATS does; the port, and what was said to them, decrypted or not."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        needed = b"true" if tls else b"false"
        writer.write(b'INFO {"server_id": "x", "tls_required": %b}\r\n' % needed)
        with contextlib.suppress(OSError):
            if tls:
                await writer.start_tls(tls)
            got.append(await reader.read(1000))
            writer.write(b"-ERR 'Unknown Protocol Operation'\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got
