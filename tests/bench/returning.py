"""Clients that come back, all at once: with much that they missed, and very many of them."""

import asyncio
from time import perf_counter

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench import machine
from tests.bench.load import Load
from tests.bench.measure import Plan, quiet
from tests.bench.peers import Peer

USERS = 500
MISSED = 1000  # events in a room of all users
PER_USER = 10  # connections of each that come back
CONNECTING = 250  # at the same time
SECONDS = 120  # after which something is wrong

Values = dict[str, float]


async def resume(peer: Peer, plan: Plan) -> list[Values]:
    """Everybody subscribes with the position before what was missed, and gets all of it."""
    tokens = await peer.users(USERS)
    (room,) = await peer.rooms([tokens])
    writer = Load()
    await writer.connect(peer.port, tokens[:1], [room])
    first = await writer.clients[0].ask(b'{"id":0,"op":"sub","rooms":{"%s":null}}' % room.encode())
    head = _head(first)
    for _ in range(MISSED):
        writer.post(writer.clients[0], 0.0, 1)
    await writer.finish(SECONDS)
    measured = []
    for _ in range(plan.runs):
        clients = [await Returning.open(peer.port, token) for token in tokens]
        with quiet():
            began, before = perf_counter(), machine.family_seconds(peer.pid)
            for client in clients:
                client.follow(room, head)
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(*(client.caught_up.wait() for client in clients))
            seconds = perf_counter() - began
            spent = machine.family_seconds(peer.pid) - before
        ordered = sorted(client.at - began for client in clients)
        measured.append(
            {
                "seconds": seconds,
                "p50": ordered[len(ordered) // 2],
                "µs": spent * 1e6 / (USERS * MISSED),
                "MB": machine.resident_bytes(peer.pid) / 1e6,
            }
        )
        for client in clients:
            client.transport.disconnect(graceful=False)
    writer.close()
    return measured


async def reconnect(peer: Peer, plan: Plan) -> list[Values]:
    """Very many connect and subscribe, as after a restart: until the last one is live."""
    tokens = await peer.users(USERS)
    rooms = await peer.rooms([tokens[start::50] for start in range(50)])
    places = [(token, rooms[number % 50]) for number, token in enumerate(tokens)] * PER_USER
    measured = []
    for _ in range(plan.runs):
        load = Load()
        with quiet():
            began, before = perf_counter(), machine.family_seconds(peer.pid)
            await load.connect(peer.port, *map(list, zip(*places, strict=True)), many=CONNECTING)
            seconds = perf_counter() - began
            spent = machine.family_seconds(peer.pid) - before
        load.close()
        measured.append({"seconds": seconds, "µs": spent * 1e6 / len(places)})
        await asyncio.sleep(plan.warm)
    return measured


def _head(answer: bytes) -> int:
    """The room's head in the answer to a subscription."""
    return int(answer.partition(b'"head":')[2].partition(b",")[0].rstrip(b"}"))


class Returning(WSListener):
    """A connection that counts the events it gets, and notes when it has all."""

    transport: WSTransport

    def __init__(self) -> None:
        self.caught_up = asyncio.Event()
        self.at = 0.0
        self._left = MISSED

    @classmethod
    async def open(cls, port: int, token: str) -> "Returning":
        headers = {"Sec-WebSocket-Protocol": "chat.v1", "Authorization": f"Bearer {token}"}
        transport, client = await ws_connect(
            cls, f"ws://127.0.0.1:{port}/ws", extra_headers=headers, websocket_handshake_timeout=30
        )
        assert isinstance(client, cls)
        client.transport = transport
        return client

    def follow(self, room: str, after: int) -> None:
        frame = b'{"id":0,"op":"sub","rooms":{"%s":%d}}' % (room.encode(), after)
        self.transport.send(WSMsgType.TEXT, frame)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.get_payload_as_bytes()[2] != ord("e"):
            return
        self._left -= 1
        if not self._left:
            self.at = perf_counter()
            self.caught_up.set()
