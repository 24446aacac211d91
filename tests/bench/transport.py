"""Measures the cost of the transport: python -m tests.bench.transport [--loop asyncio].

Server time only: the clients are another process.
"""

import argparse
import asyncio
import multiprocessing
import select
import socket
import time
from typing import Any, ClassVar

import tornado.httpserver
import tornado.web
import uvloop
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketHandler

from chatserver.web.websocket import frames
from chatserver.web.websocket.transport import Limits, Transport

RECEIVERS = 500
ROUNDS = 200
BODY = b"x" * 120
RECEIVED = 100_000
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class CountingHandler(WebSocketHandler):
    transports: ClassVar[list[Transport]] = []
    received = 0
    started = 0.0
    complete: asyncio.Event
    """Set when all receivers are there, and when all messages are."""

    def get_websocket_protocol(self) -> Transport:
        self.transport = Transport(self, Limits())
        return self.transport

    def open(self, *args: str, **kwargs: str) -> None:
        self.transports.append(self.transport)
        if len(self.transports) == RECEIVERS:
            self.complete.set()

    def on_message(self, message: str | bytes) -> None:
        raise NotImplementedError

    def on_text(self, payload: bytes) -> None:
        if not CountingHandler.received:
            CountingHandler.started = time.process_time()
        CountingHandler.received += 1
        if CountingHandler.received == RECEIVED:
            self.complete.set()

    def on_binary(self, payload: bytes) -> None:
        raise NotImplementedError


def receivers(port: int, command: Any) -> None:
    """The other process: reads whatever comes; at a word, sends small messages."""
    poll = select.epoll()
    socks = {}
    for _ in range(RECEIVERS):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(HANDSHAKE)
        sock.recv(4096)
        socks[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    poll.register(command, select.EPOLLIN)
    message = b"\x81" + bytes((0x80 | 100,)) + bytes(4) + b"y" * 100
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == command.fileno():
                per_send = command.recv()
                if not per_send:
                    return
                for _ in range(RECEIVED // per_send // RECEIVERS):
                    for sock in socks.values():
                        sock.sendall(message * per_send)
            else:
                socks[descriptor].recv(1 << 20)


async def measure(port_sockets: list[socket.socket], command: Any) -> None:
    server = tornado.httpserver.HTTPServer(tornado.web.Application([("/ws", CountingHandler)]))
    server.add_sockets(port_sockets)
    complete = CountingHandler.complete = asyncio.Event()
    await complete.wait()
    await _measure_sends(CountingHandler.transports)
    for per_send in (1, 10):
        CountingHandler.received = 0
        complete.clear()
        command.send(per_send)
        await complete.wait()
        spent = time.process_time() - CountingHandler.started
        print(f"received, {per_send:2} in a segment: {spent / RECEIVED * 1e6:.2f} µs a message")
    command.send(0)


async def _measure_sends(transports: list[Transport]) -> None:
    frame = frames.text_frame(BODY)
    spent = bare = 0.0
    for _ in range(ROUNDS):
        started = time.process_time()
        for transport in transports:
            transport.send(frame)
        spent += time.process_time() - started
        await asyncio.sleep(0.005)
        started = time.process_time()
        for transport in transports:
            transport._socket.send(frame)  # type: ignore[union-attr]
        bare += time.process_time() - started
        await asyncio.sleep(0.005)
    count = ROUNDS * len(transports)
    print(
        f"sent to {len(transports)}: {spent / count * 1e6:.2f} µs a send,"
        f" of which {bare / count * 1e6:.2f} the bare system call"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    chosen = parser.parse_args().loop
    sockets = bind_sockets(0, "127.0.0.1")
    ours, theirs = multiprocessing.Pipe()
    clients = multiprocessing.Process(
        target=receivers, args=(sockets[0].getsockname()[1], theirs), daemon=True
    )
    clients.start()
    factory = uvloop.new_event_loop if chosen == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(measure(sockets, ours))
    clients.join()


if __name__ == "__main__":
    main()
