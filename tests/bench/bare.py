"""The least that a chat in Python costs: `python -m tests.bench.bare PORT FILE [durable] [PROCESSES]`.

The protocol of uvloop itself, msgspec for JSON, and SQLite as node's server has it (WAL, synchronous=NORMAL, the
messages of one turn of the loop in one transaction); with `durable` as ours has it, with synchronous=FULL in a thread
of its own. It reads just the frames that the load sends: masked texts of a small size. No accounts, rights, numbers,
repeated sends, limits or bounds: what our server costs above it is what these cost.

Of several processes on the port each has a file of its own, and sends the others each message as it goes to listeners.
"""

import asyncio
import base64
import ctypes
import hashlib
import os
import signal
import socket
import sqlite3
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import uvloop

INSERT = "INSERT INTO messages (room, at, client_id, body) VALUES (?, ?, ?, ?)"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TABLE = """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY, room TEXT NOT NULL, at TEXT NOT NULL, client_id TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX newest ON messages (room, id);
"""
PARENT_DIES = 1  # PR_SET_PDEATHSIG of prctl(2)
OK = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


class Op(msgspec.Struct):
    op: str
    id: int = 0
    room: str = ""
    client_id: str = ""
    body: str = ""
    rooms: dict[str, Any] = {}


Posts = list[tuple[Op, asyncio.Transport]]

read_op = msgspec.json.Decoder(Op).decode
encode = msgspec.json.encode


def frame(payload: bytes) -> bytes:
    size = len(payload)
    return (bytes((0x81, size)) if size < 126 else struct.pack(">BBH", 0x81, 126, size)) + payload


class Chat:
    """The rooms, and the messages that wait for the end of this turn of the loop."""

    def __init__(self, path: str, durable: bool, others: list[socket.socket]) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._database.executescript(TABLE)
        self._thread = ThreadPoolExecutor(1) if durable else None
        self._writing = False
        self.rooms: dict[str, set[asyncio.Transport]] = {}
        self._waiting: Posts = []
        self._others = others

    def post(self, op: Op, sender: asyncio.Transport) -> None:
        if not self._waiting and not self._writing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append((op, sender))

    def _flush(self) -> None:
        posts, self._waiting = self._waiting, []
        if self._thread is None:
            self._tell(posts, self._write(posts))
            return
        self._writing = True
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._write, posts)
        writing.add_done_callback(lambda done: self._written(posts, done.result()))

    def _written(self, posts: Posts, made: list[Any]) -> None:
        self._writing = False
        if self._waiting:
            self._flush()
        self._tell(posts, made)

    def _write(self, posts: Posts) -> list[Any]:
        """The time and number of each message."""
        execute = self._database.execute
        execute("BEGIN")
        made = []
        for op, _ in posts:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            values = (op.room, at, op.client_id, op.body)
            made.append((at, execute(INSERT, values).lastrowid))
        execute("COMMIT")
        return made

    def _tell(self, posts: Posts, made: list[Any]) -> None:
        for (op, sender), (at, number) in zip(posts, made, strict=True):
            event = {"ev": "message.posted", "id": number, "room": op.room, "at": at}
            data = frame(encode(event | {"client_id": op.client_id, "body": op.body}))
            self._hand_out(op.room, data)
            for other in self._others:
                other.send(b"%b\n%b" % (op.room.encode(), data))
            sender.write(frame(encode({"re": op.id, "ok": {"id": number}})))

    def heard(self, told: bytes) -> None:
        """Hand out a message of another process."""
        room, _, data = told.partition(b"\n")
        self._hand_out(room.decode(), data)

    def _hand_out(self, room: str, data: bytes) -> None:
        for listener in self.rooms.get(room, ()):
            listener.write(data)


class Connection(asyncio.Protocol):
    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._rest = b""
        self._open = False
        self._mine: list[str] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for room in self._mine:
            self._chat.rooms[room].discard(self._transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        self._rest = b""
        if not self._open:
            self._http(data)
            return
        while len(data) >= 6:
            size, start = data[1] & 127, 2
            if size == 126:
                size, start = int.from_bytes(data[2:4]), 4
            end = start + 4 + size
            if len(data) < end:
                break
            mask = data[start : start + 4] * (size // 4 + 1)
            masked = int.from_bytes(data[start + 4 : end])
            payload = (masked ^ int.from_bytes(mask[:size])).to_bytes(size)
            if data[0] == 0x81:
                self._message(payload)
            data = data[end:]
        self._rest = data

    def _message(self, payload: bytes) -> None:
        op = read_op(payload)
        if op.op == "send":
            self._chat.post(op, self._transport)
            return
        for room in op.rooms:
            self._chat.rooms.setdefault(room, set()).add(self._transport)
            self._mine.append(room)
        self._transport.write(frame(encode({"re": op.id, "ok": {}})))

    def _http(self, data: bytes) -> None:
        head, found, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        if not found or len(body) < int(fields.get(b"content-length", 0)):
            self._rest = data
        elif b"sec-websocket-key" in fields:
            key = next(
                line
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-key")
            )
            made = base64.b64encode(hashlib.sha1(key.split(b": ", 1)[1] + GUID).digest())
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Accept: " + made + b"\r\n\r\n"
            )
            self._open = True
        else:
            status, reply = (200, b"{}")
            if head.startswith(b"POST"):
                status, reply = 201, encode({"id": msgspec.json.decode(body)["name"]})
            self._transport.write(OK % (status, len(reply), reply))


async def serve(chat: Chat, port: int, hear: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    loop.add_reader(hear, lambda: chat.heard(hear.recv(1 << 16)))
    await loop.create_server(
        lambda: Connection(chat), "127.0.0.1", port, backlog=4096, reuse_port=True
    )
    await asyncio.Event().wait()


def main(port: int, path: str, *options: str) -> None:
    processes = int(next(filter(str.isdigit, options), 1))
    lanes = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(processes)]
    number = 0
    for each in range(1, processes):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(PARENT_DIES, signal.SIGTERM)
            number = each
            break
    others = [tell for each, (_, tell) in enumerate(lanes) if each != number]
    chat = Chat(f"{path}.{number}", "durable" in options, others)
    uvloop.run(serve(chat, port, lanes[number][0]))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
