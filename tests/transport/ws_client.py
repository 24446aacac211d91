"""A WebSocket client that sends whatever bytes a test wants, right or wrong."""

import asyncio
import os
import socket
import ssl
import struct
from typing import Self

from tornado.util import _websocket_mask

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
TIMEOUT = 60


def frame(first: int, payload: bytes = b"", masked: bool = True) -> bytes:
    """A frame as a client sends it; first is FIN, reserved bits and opcode."""
    bit = 0x80 if masked else 0
    length = len(payload)
    if length < 126:
        head = bytes((first, bit | length))
    elif length < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + _websocket_mask(mask, payload)


def text(payload: str) -> bytes:
    return frame(0x81, payload.encode())


def close(code: int, reason: str = "") -> bytes:
    return frame(0x88, struct.pack("!H", code) + reason.encode())


class Client:
    """One connection, over a bare socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self.response = ""

    @classmethod
    async def connect(
        cls, port: int, headers: str = "", early: bytes = b"", receive_buffer: int | None = None
    ) -> Self:
        """Shake hands; early bytes go in the same segment, behind the request."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = cls(sock)
        await client.send((HANDSHAKE + headers + "\r\n").encode() + early)
        assert await client.upgraded(), client.response
        return client

    async def upgraded(self) -> bool:
        """Read the head of the answer to a handshake; whether it says 101."""
        self.response = (await self._until(b"\r\n\r\n")).decode()
        return " 101 " in self.response

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(TIMEOUT):
            await asyncio.get_running_loop().sock_sendall(self._sock, data)

    async def receive(self) -> tuple[int, bytes]:
        """First byte and payload of the next frame; EOFError at the end."""
        head = await self._exactly(2)
        assert not head[1] & 0x80, "servers must not mask"
        length = head[1]
        if length == 126:
            length = int.from_bytes(await self._exactly(2))
        elif length == 127:
            length = int.from_bytes(await self._exactly(8))
        return head[0], await self._exactly(length)

    async def receive_close(self) -> int | None:
        """The code of the close frame that comes next, behind which nothing may come."""
        first, payload = await self.receive()
        assert first == 0x88, (first, payload)
        assert await self._more() == b"" and not self._buffer
        return int.from_bytes(payload[:2]) if payload else None

    async def ended(self) -> None:
        """Wait for the server's end of the connection."""
        try:
            while await self._more():
                self._buffer = b""
        except ConnectionResetError:
            pass

    def drop(self) -> None:
        self._sock.close()

    async def _more(self) -> bytes:
        async with asyncio.timeout(TIMEOUT):
            data = await asyncio.get_running_loop().sock_recv(self._sock, 1 << 20)
        self._buffer += data
        return data

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not await self._more():
                raise EOFError
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if not await self._more():
                raise EOFError
        data, _, self._buffer = self._buffer.partition(mark)
        return data


class SecureClient(Client):
    """The same over TLS."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect_securely(cls, port: int, context: ssl.SSLContext) -> Self:
        client = cls(socket.socket())
        client._sock.close()
        client.reader, client.writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await client.send((HANDSHAKE + "\r\n").encode())
        client.response = (await client._until(b"\r\n\r\n")).decode()
        return client

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def _more(self) -> bytes:
        async with asyncio.timeout(TIMEOUT):
            data = await self.reader.read(1 << 20)
        self._buffer += data
        return data

    def drop(self) -> None:
        self.writer.transport.abort()
