"""Bytes that no decent client sends, over bare sockets."""

import asyncio
import json
from typing import Any

from tests.faults.server import ChatServer
from tests.transport.ws_client import Client, frame, text

__all__ = ["Client", "Guest", "closed_after", "frame", "text"]

CLOSE = b"\x88"  # the first byte of a close frame; in no ASCII text


class Guest(Client):
    """A bare WebSocket connection that can also hold a decent conversation."""

    @classmethod
    async def enter(cls, server: ChatServer, token: str = "", **options: Any) -> "Guest":
        """Connect, signed in if a token is given, and read the hello."""
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        headers = f"Sec-WebSocket-Protocol: chat.v1\r\n{bearer}{options.pop('headers', '')}"
        guest = await cls.connect(server.port, headers, **options)
        hello = await guest.heard()
        assert hello["sys"] == "hello", hello
        return guest

    async def heard(self) -> dict[str, Any]:
        """The next text frame; pings are passed over, not answered."""
        while True:
            first, payload = await self.receive()
            if first == 0x81:
                found: dict[str, Any] = json.loads(payload)
                return found
            assert first == 0x89, (hex(first), payload)

    async def answer(self, number: int) -> dict[str, Any]:
        """The answer to this operation; other frames are skipped."""
        while True:
            said = await self.heard()
            if said.get("re") == number:
                return said

    async def ask(self, **op: Any) -> dict[str, Any]:
        await self.send(text(json.dumps({"id": 1, **op})))
        return await self.answer(1)

    async def close_code(self) -> int | None:
        """The code in the close frame; None if the connection ends without one."""
        try:
            while True:
                first, payload = await self.receive()
                if first == 0x88:
                    return int.from_bytes(payload[:2])
        except (EOFError, ConnectionResetError):
            return None

    async def try_send(self, data: bytes) -> bool:
        """Send; False if the server ended the connection meanwhile."""
        try:
            await self.send(data)
        except (ConnectionResetError, BrokenPipeError):
            return False
        return True


async def closed_after(reader: asyncio.StreamReader) -> float:
    """Seconds until the server says close, or ends the connection."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        while (data := await reader.read(65536)) and CLOSE not in data:
            pass
    except ConnectionResetError:
        pass
    return loop.time() - began
