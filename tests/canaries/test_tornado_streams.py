"""The parts that the server relies on in IOStream and in the server that makes the streams."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import tornado.httpserver
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.tcpserver import TCPServer

from tests.canaries.listed import canary

SOON_SECONDS = 60.0
LOTS = 8 * 1024 * 1024  # bytes; more than a socket's buffers hold


@asynccontextmanager
async def streaming() -> AsyncIterator[tuple[Any, socket.socket]]:
    """A stream, and the peer's bare socket."""
    ours, peer = socket.socketpair()
    peer.setblocking(False)
    stream = IOStream(ours)
    try:
        async with asyncio.timeout(SOON_SECONDS):
            yield stream, peer
    finally:
        stream.close()
        peer.close()


@canary(IOStream, "_total_write_index", "_total_write_done_index")
async def test_the_indexes_count_bytes_written_and_bytes_that_the_socket_took() -> None:
    async with streaming() as (stream, peer):
        loop = asyncio.get_running_loop()
        assert stream._total_write_index == stream._total_write_done_index == 0
        written = stream.write(b"x" * LOTS)
        taken = stream._total_write_done_index
        assert stream._total_write_index == LOTS
        assert 0 < taken < LOTS, "the peer reads nothing"
        assert stream.writing()
        await asyncio.sleep(0)
        assert stream._total_write_done_index == taken, "nothing goes on"
        left = LOTS
        while left:
            left -= len(await loop.sock_recv(peer, 65536))
        await written
        assert stream._total_write_done_index == stream._total_write_index == LOTS
        assert not stream.writing()


@canary(IOStream, "_read_buffer", "_read_buffer_size")
async def test_the_read_buffer_holds_what_came_and_was_not_asked_for() -> None:
    async with streaming() as (stream, peer):
        peer.send(b"one two")
        assert await stream.read_bytes(3) == b"one"
        assert isinstance(stream._read_buffer, bytearray)
        assert bytes(stream._read_buffer) == b" two"
        assert stream._read_buffer_size == 4


@canary(IOStream, "_read_buffer", "_read_buffer_size")
async def test_bytes_that_are_put_back_are_read_first() -> None:
    async with streaming() as (stream, peer):
        peer.send(b"GET / more")
        assert await stream.read_bytes(64, partial=True) == b"GET / more"
        assert stream._read_buffer_size == 0
        peer.send(b"!")
        stream._read_buffer[:0] = b"GET / more"
        stream._read_buffer_size += 10
        assert await stream.read_until(b" / ") == b"GET / "
        assert await stream.read_bytes(5) == b"more!"


@canary(IOStream, "_state")
async def test_a_stream_whose_state_is_none_leaves_the_socket_to_others() -> None:
    async with streaming() as (stream, peer):
        assert stream._state is None
        reading = stream.read_bytes(1)
        assert isinstance(stream._state, int)
        stream.io_loop.remove_handler(stream.fileno())
        stream._state = None
        came: asyncio.Future[bytes] = asyncio.Future()
        loop = asyncio.get_running_loop()
        bare = stream.socket
        loop.add_reader(bare, lambda: came.done() or came.set_result(bare.recv(100)))
        peer.send(b"mine")
        assert await came == b"mine"
        loop.remove_reader(bare)
        assert not reading.done()


@canary(TCPServer, "_sockets", "_handlers")
async def test_a_server_stops_and_closes_the_sockets_it_was_given() -> None:
    server: Any = HTTPServer(lambda request: None)
    listener = socket.create_server(("127.0.0.1", 0))
    stopped: list[bool] = []
    assert server._sockets == server._handlers == {}
    number = listener.fileno()
    server._sockets[number] = listener
    server._handlers[number] = lambda: stopped.append(listener.fileno() == number)
    server.stop()
    assert stopped == [True], "ended before the socket is closed"
    assert listener.fileno() == -1


@canary(TCPServer, "_handle_connection")
async def test_an_accepted_socket_becomes_a_stream() -> None:
    handled: list[tuple[Any, Any]] = []

    class Server(HTTPServer):
        def handle_stream(self, stream: IOStream, address: Any) -> None:
            handled.append((stream, address))

    ours, peer = socket.socketpair()
    server: Any = Server(lambda request: None)
    assert server._handle_connection(ours, ("127.0.0.1", 9)) is None
    ((stream, address),) = handled
    assert type(stream) is IOStream and stream.socket is ours and address == ("127.0.0.1", 9)
    stream.close()
    peer.close()


@canary(HTTPServer, "_connections")
@canary(tornado.httpserver, "_HTTPRequestContext")
async def test_a_server_knows_its_connections_until_they_are_closed() -> None:
    server: Any = HTTPServer(lambda request: None)
    async with streaming() as (stream, _):
        context = tornado.httpserver._HTTPRequestContext(
            stream, ("192.0.2.1", 9), server.protocol, server.trusted_downstream
        )
        assert context.protocol == "http"
        connection = HTTP1ServerConnection(stream, server.conn_params, context)
        server._connections.add(connection)
        server.on_close(connection)
        assert server._connections == set()
        closed = []

        class Closing:
            async def close(self) -> None:
                closed.append(self)
                server.on_close(self)

        server._connections.add(Closing())
        await server.close_all_connections()
        assert len(closed) == 1


@canary(tornado.httpserver, "_HTTPRequestContext")
async def test_a_context_has_the_address_of_the_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        accepted, address = listener.accept()
    stream = IOStream(accepted)
    context = tornado.httpserver._HTTPRequestContext(stream, address, None, None)
    assert context.remote_ip == "127.0.0.1"
    stream.close()
    peer.close()


def test_a_failure_names_the_place() -> None:
    @canary(IOStream, "_state")
    def test() -> None:
        raise KeyError("gone")

    with pytest.raises(AssertionError, match=r"tornado 6.*IOStream\._state .*transport\.py"):
        test()
