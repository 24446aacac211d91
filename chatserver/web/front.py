"""The HTTP server, with a short way for what is read most: the newest page of a room.

Tornado takes some 150 µs to read a request and find its handler. A request that is plainly such a
read, and will be answered 200, is answered here from the bytes of its head. All else, also what
will be refused, goes to Tornado just as it came: so the answers stay in one place.
"""

import asyncio
import re
import time
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError

from chatserver.errors import ChatError
from chatserver.room import NEWEST_PAGE
from chatserver.web.gate import Gate
from chatserver.web.heads import json_answer

HEAD_BYTES = 8192  # of a head that is looked at; longer ones are no ordinary reads
ROUTE = "/api/v1/rooms/ID/messages"

_REQUEST = re.compile(rb"GET /api/v1/rooms/([0-9a-z]{1,64})/messages(?:\?limit=50)? HTTP/1\.1\r\n")
_TOKEN = re.compile(rb"\r\nauthorization: *bearer +([!-~]+)(?=\r\n)", re.IGNORECASE)
# One host, as HTTP/1.1 demands, and nothing that asks for more than an answer.
_HOST = re.compile(rb"\r\nhost:", re.IGNORECASE)
_SPECIAL = re.compile(
    rb"\r\n(?:[ \t]|transfer-|expect:|upgrade:|te:|trailer:|x-request-id:|origin:"
    rb"|content-length:(?! *0\r\n)|connection:(?! *keep-alive *\r\n))",
    re.IGNORECASE,
)


class Front(HTTPServer):
    """Tornado's server; connections begin on the short way and leave it for good when they must."""

    gate: Gate

    def initialize(self, *args: Any, **options: Any) -> None:
        super().initialize(*args, **options)
        self._serving: set[asyncio.Task[None]] = set()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        task = asyncio.create_task(self._serve(stream, address))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def close_all_connections(self) -> None:
        for task in list(self._serving):
            task.cancel()
        await super().close_all_connections()

    async def _serve(self, stream: IOStream, address: Any) -> None:
        loop = asyncio.get_running_loop()
        stream.set_nodelay(True)
        try:
            while True:
                patience = loop.call_later(self.gate.config.limits.header_seconds, stream.close)
                try:
                    head = await stream.read_bytes(HEAD_BYTES, partial=True)
                finally:
                    patience.cancel()
                started = time.perf_counter()
                answer = await newest_page(self.gate, head)
                if answer is None:
                    break
                await stream.write(answer)
                self.gate.http_seconds.add(time.perf_counter() - started, ("GET", ROUTE, "200"))
        except StreamClosedError:
            return
        except asyncio.CancelledError:
            stream.close()
            raise
        _put_back(stream, head)
        super().handle_stream(stream, address)


async def newest_page(gate: Gate, head: bytes) -> bytes | None:
    """The complete answer to a request, or None if this is not the place to answer it."""
    request = _REQUEST.match(head)
    if (
        request is None
        or head.find(b"\r\n\r\n") != len(head) - 4
        or len(_HOST.findall(head)) != 1
        or _SPECIAL.search(head)
        or gate.draining
        or not gate.takes_connections
        or gate.config.limits.requests_per_second
        or gate.config.limits.history_page < NEWEST_PAGE
    ):
        return None
    tokens = _TOKEN.findall(head)
    if len(tokens) != 1:
        return None
    service = gate.service
    try:
        user = await service.accounts.session(tokens[0].decode())
        service.rates.take(user.id)
        room = await service.rooms.get(request[1].decode())
        return json_answer(await service.history.newest_encoded(user, room))
    except ChatError:
        return None


def _put_back(stream: IOStream, data: bytes) -> None:
    """Let the next reader of the stream find what was read already."""
    stream._read_buffer[:0] = data
    stream._read_buffer_size += len(data)
