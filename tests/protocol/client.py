"""A client of `chat.v1` as an outside author would write one, that can also misbehave.

Speaks WebSocket by hand over asyncio's streams, so that a test can send what no library would.
"""

import asyncio
import base64
import json
import os
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

ANSWER_SECONDS = 60.0  # on a machine that is busy
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

Frame = dict[str, Any]


class Refused(Exception):
    """The server did not upgrade the connection."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self) -> str:
        code: str = json.loads(self.body)["error"]["code"]
        return code


class Failed(Exception):
    """The answer to an operation was an error."""

    def __init__(self, error: Frame) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.error = error
        self.code: str = error["code"]


class Client:
    """One connection: `async with Client(port, token) as c: await c.ok("ping")`."""

    def __init__(
        self,
        port: int,
        token: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        subprotocol: str | None = "chat.v1",
        path: str = "/ws",
    ) -> None:
        self._port, self._path = port, path
        self._headers = dict(headers or {})
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        if subprotocol is not None:
            self._headers["Sec-WebSocket-Protocol"] = subprotocol
        self.sent: list[Frame] = []
        self.received: list[Frame] = []
        self.upgrade: dict[str, str] = {}
        self.hello: Frame = {}
        self.answers: asyncio.Queue[Frame] = asyncio.Queue()
        self.events: asyncio.Queue[Frame] = asyncio.Queue()
        self.notices: asyncio.Queue[Frame] = asyncio.Queue()
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._number = 1000  # smaller ones are left to `say`

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = {
            "Host": f"127.0.0.1:{self._port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **self._headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._writer.write(f"GET {self._path} HTTP/1.1\r\n{head}\r\n".encode())
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        status = int(answer[0].split()[1])
        self.upgrade = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in answer[1:])
        }
        if status != 101:
            body = await self._reader.read(int(self.upgrade.get("content-length", 0)))
            self._writer.close()
            raise Refused(status, self.upgrade, body)
        self._task = asyncio.create_task(self._read())
        await self._greet()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._task.cancel()
        self._writer.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _greet(self) -> None:
        first = await self._next(self.notices)
        if first:
            self.hello = first

    def pause(self) -> None:
        """Read nothing more from the socket."""
        self._reader._transport.pause_reading()

    def resume(self) -> None:
        self._reader._transport.resume_reading()

    # Operations

    async def ask(self, op: str, /, **fields: Any) -> Frame:
        """The complete answer to an operation."""
        return await self.begin(op, **fields)

    def begin(self, op: str, /, **fields: Any) -> "asyncio.Future[Frame]":
        """Send an operation; its answer is awaited later."""
        self._number += 1
        answer = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        self.say({"id": self._number, "op": op, **fields})
        waited = asyncio.ensure_future(asyncio.wait_for(answer, ANSWER_SECONDS))
        waited.add_done_callback(_note_exception)
        return waited

    async def ok(self, op: str, /, **fields: Any) -> Any:
        """The `ok` of the answer; `Failed` if it is an error."""
        answer = await self.ask(op, **fields)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["ok"]

    async def error(self, op: str, /, **fields: Any) -> Frame:
        """The error that the answer has to be."""
        answer = await self.ask(op, **fields)
        assert "error" in answer, answer
        error: Frame = answer["error"]
        return error

    async def code(self, op: str, /, **fields: Any) -> str:
        code: str = (await self.error(op, **fields))["code"]
        return code

    async def event(self, kind: str | None = None) -> Frame:
        """The next event; with `kind`, it has to be one of that kind."""
        event = await self._next(self.events)
        assert event, "the connection is closed"
        assert kind is None or event["ev"] == kind, event
        return event

    async def take(self, count: int) -> list[Frame]:
        return [await self.event() for _ in range(count)]

    async def quiet(self) -> None:
        """Nothing came that was not taken, up to the answer to a ping."""
        await self.ok("ping")
        assert self.events.empty(), self.events.get_nowait()

    async def answer(self) -> Frame:
        """The next answer to a frame that `say` or `text` sent."""
        return await self._next(self.answers)

    async def notice(self) -> Frame:
        """The next `sys` frame after hello."""
        return await self._next(self.notices)

    async def closed(self) -> int | None:
        """The server's close code; None if it only cuts the connection."""
        return await asyncio.wait_for(asyncio.shield(self._closed), ANSWER_SECONDS)

    @property
    def is_open(self) -> bool:
        return not self._closed.done()

    # Frames

    def say(self, frame: object) -> None:
        if isinstance(frame, dict):
            self.sent.append(frame)
        self.text(json.dumps(frame).encode())

    def text(self, payload: bytes) -> None:
        self.frame(TEXT, payload)

    def frame(self, opcode: int, payload: bytes, *, final: bool = True, mask: bool = True) -> None:
        head = bytearray([opcode | (0x80 if final else 0)])
        flag = 0x80 if mask else 0
        if len(payload) < 126:
            head.append(flag | len(payload))
        elif len(payload) < 65536:
            head += struct.pack("!BH", flag | 126, len(payload))
        else:
            head += struct.pack("!BQ", flag | 127, len(payload))
        # A mask of zeros is a valid one, and leaves the payload readable in a capture.
        self.raw(bytes(head) + (b"\0\0\0\0" if mask else b"") + payload)

    def raw(self, data: bytes) -> None:
        self._writer.write(data)

    async def _next(self, queue: "asyncio.Queue[Frame]") -> Frame:
        return await asyncio.wait_for(queue.get(), ANSWER_SECONDS)

    async def _read(self) -> None:
        code: int | None = None
        try:
            while True:
                opcode, payload = await self._frame()
                if opcode == TEXT:
                    self._dispatch(json.loads(payload))
                elif opcode == PING:
                    self.frame(PONG, payload)
                elif opcode == CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if payload else None
                    self.frame(CLOSE, payload[:2])
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if not self._closed.done():
                self._closed.set_result(code)
            for queue in (self.answers, self.events, self.notices):
                queue.put_nowait({})
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError(f"closed with {code}"))
                    _note_exception(future)

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        assert not second & 0x80, "a server's frames are not masked"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(size)

    def _dispatch(self, frame: Frame) -> None:
        self.received.append(frame)
        if "ev" in frame:
            self.events.put_nowait(frame)
        elif "sys" in frame:
            self.notices.put_nowait(frame)
        else:
            waiting = self._waiting.pop(frame["re"], None)
            if waiting is None:
                self.answers.put_nowait(frame)
            elif not waiting.done():
                waiting.set_result(frame)


def _note_exception(future: "asyncio.Future[Frame]") -> None:
    """A test need not wait for every answer."""
    if not future.cancelled():
        future.exception()
