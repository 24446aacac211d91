"""WebSocket load: connections that send and receive, and what they saw.

Parses no more than it must: all receivers of a message get the same bytes, so only the first frame
of each message is searched for its number.
"""

import asyncio
import itertools
import re
import secrets
from array import array
from time import perf_counter

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

BODY_CHARS = 120
CONNECTING = 50  # at the same time
_EVENT = ord("e")  # of {"ev": …}; answers begin with {"re"
_TEXT = WSMsgType.TEXT
_MARKER = re.compile(rb"@@(\d+)@@")


class Message:
    """A message under way: who sent it, when it was due, how many frames are still to come."""

    __slots__ = ("due", "left", "number", "payload", "sender")

    def __init__(self, number: int, sender: "Client", due: float, left: int) -> None:
        self.number, self.sender, self.due, self.left = number, sender, due, left
        self.payload = b""


class Load:
    """A number of clients. In a closed loop a sender goes on when its message is everywhere."""

    def __init__(self, closed: bool = False) -> None:
        self.clients: list[Client] = []
        self.delivered = array("d")  # seconds from when a message was due to each receiver
        self.acknowledged = array("d")
        self.failed = 0
        self.known: dict[bytes, Message] = {}
        self.closed = closed
        self._messages: dict[int, Message] = {}
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(4).encode()

    async def connect(
        self,
        port: int,
        tokens: list[str],
        rooms: list[str],
        listen: bool = True,
        many: int = CONNECTING,
    ) -> None:
        """One client for each token, in the room at the same place; `listen` subscribes it.

        So many connect at the same time.
        """
        places = iter(list(zip(tokens, rooms, strict=True)))

        async def work() -> None:
            for token, room in places:
                self.clients.append(await Client.open(self, port, token, room, listen))

        await asyncio.gather(*(work() for _ in range(many)))

    def post(self, sender: "Client", due: float, receivers: int) -> None:
        number = next(self._numbers)
        self._messages[number] = Message(number, sender, due, receivers + 1)
        body = b"@@%d@@" % number
        sender.send(
            b'{"id":%d,"op":"send","room":"%s","client_id":"%s-%d","body":"%s"}'
            % (number, sender.room, self._run, number, body.ljust(BODY_CHARS, b"x"))
        )

    def start(self, senders: list["Client"], receivers: int) -> None:
        """Begin a closed loop."""
        for sender in senders:
            sender.receivers = receivers
            self.post(sender, perf_counter(), receivers)

    async def pace(self, senders: list["Client"], receivers: int, rate: float) -> None:
        """Send at a fixed rate, however slow the answers; runs until it is cancelled."""
        begin = perf_counter()
        for count, sender in enumerate(itertools.cycle(senders)):
            due = begin + count / rate
            if (wait := due - perf_counter()) > 0:
                await asyncio.sleep(wait)
            self.post(sender, due, receivers)

    async def finish(self, seconds: float = 5.0) -> int:
        """Let what is under way arrive; returns how many messages did not, or not everywhere."""
        self.closed = False
        deadline = perf_counter() + seconds
        while self._messages and perf_counter() < deadline:
            await asyncio.sleep(0.05)
        return len(self._messages)

    def close(self) -> None:
        for client in self.clients:
            client.transport.disconnect(graceful=False)

    # -- what comes in -----------------------------------------------------------------------

    def recognise(self, payload: bytes) -> Message:
        found = _MARKER.search(payload)
        assert found is not None, payload
        message = self._messages[int(found[1])]
        message.payload = payload
        self.known[payload] = message
        return message

    def answered(self, payload: bytes) -> None:
        message = self._messages[int(payload[payload.index(b":") + 1 : payload.index(b",")])]
        if b'"ok"' not in payload:
            self.failed += 1
        self.acknowledged.append(perf_counter() - message.due)
        message.left -= 1
        if not message.left:
            self.complete(message)

    def complete(self, message: Message) -> None:
        del self._messages[message.number]
        self.known.pop(message.payload, None)
        if self.closed:
            self.post(message.sender, perf_counter(), message.sender.receivers)


class Client(WSListener):
    """One connection, signed in, following its room if it listens."""

    def __init__(self, load: Load, room: str) -> None:
        self.load, self.room = load, room.encode()
        self.receivers = 0  # of what this client sends
        self.transport: WSTransport
        self._expected: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(cls, load: Load, port: int, token: str, room: str, listen: bool) -> "Client":
        transport, client = await ws_connect(
            lambda: cls(load, room),
            f"ws://127.0.0.1:{port}/ws",
            extra_headers={
                "Sec-WebSocket-Protocol": "chat.v1",
                "Authorization": f"Bearer {token}",
            },
            websocket_handshake_timeout=30,
        )
        assert isinstance(client, cls)
        client.transport = transport
        if listen:
            await client.ask(b'{"id":0,"op":"sub","rooms":{"%s":null}}' % client.room)
        return client

    async def ask(self, frame: bytes) -> bytes:
        """Send an operation and wait for its answer, while no load runs."""
        self._expected = asyncio.get_running_loop().create_future()
        self.send(frame)
        answer = await self._expected
        self._expected = None
        if b'"ok"' not in answer or b'"error"' in answer:
            raise RuntimeError(answer)
        return answer

    def send(self, frame: bytes) -> None:
        self.transport.send(_TEXT, frame)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if payload[2] == _EVENT:
            load = self.load
            message = load.known.get(payload) or load.recognise(payload)
            load.delivered.append(perf_counter() - message.due)
            message.left -= 1
            if not message.left:
                load.complete(message)
        elif payload.startswith(b'{"re"'):
            if self._expected is not None:
                self._expected.set_result(payload)
            else:
                self.load.answered(payload)
        elif b"hello" not in payload:
            self.load.failed += 1  # lagging, gap, drain: there must be none
