"""A server that is stopped and started again under load, and clients that come back by themselves."""

import asyncio
import itertools
import random
import re
from collections.abc import Sequence
from time import perf_counter

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.load import BODY_CHARS
from tests.bench.measure import Plan, quiet
from tests.bench.peers import Peer

USERS, ROOMS = 500, 50
RETRY = (
    0.1,
    0.2,
)  # seconds between two tries to connect: drawn in between, so that not all are at once
SECONDS = 120  # after which something is wrong

_SEQ = re.compile(rb'"seq":(\d+)')
_HEAD = re.compile(rb'"head":(\d+)')
Values = dict[str, float]


async def restart(peer: Peer, plan: Plan) -> list[Values]:
    """Each user is in one of the rooms and writes once a second, also while the server is away."""
    tokens = await peer.users(USERS)
    rooms = await peer.rooms([tokens[number::ROOMS] for number in range(ROOMS)])
    users = [User(peer.port, token, rooms[place % ROOMS]) for place, token in enumerate(tokens)]
    tasks = [asyncio.create_task(user.stay()) for user in users]
    try:
        async with asyncio.timeout(SECONDS):
            await _all_live(users, [0] * USERS)
        starts = {user.room: user.seq for user in users}
        tasks.append(asyncio.create_task(_write(users)))
        with quiet():
            measured = [await _restarted(peer, users, plan) for _ in range(plan.runs)]
        tasks.pop().cancel()
        await _finish(users, starts)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return measured


async def _restarted(peer: Peer, users: Sequence["User"], plan: Plan) -> Values:
    await asyncio.sleep(plan.warm)
    times = [user.times_live for user in users]
    stopped = perf_counter()
    await asyncio.to_thread(peer.stop)
    peer.start()
    await peer.wait_until_ready()
    ready = perf_counter()
    async with asyncio.timeout(SECONDS):
        await _all_live(users, times)
    last = max(user.live_at for user in users)
    return {"ready": ready - stopped, "seconds": last - ready, "all": last - stopped}


async def _all_live(users: Sequence["User"], before: Sequence[int]) -> None:
    """Wait until each has caught up once more than it had."""
    while any(user.times_live <= times for user, times in zip(users, before, strict=True)):
        await asyncio.sleep(0.02)


async def _write(users: Sequence["User"]) -> None:
    """Each writes once a second; runs until it is cancelled."""
    begin = perf_counter()
    for count, user in enumerate(itertools.cycle(users)):
        if (wait := begin + count / len(users) - perf_counter()) > 0:
            await asyncio.sleep(wait)
        user.write()


async def _finish(users: Sequence["User"], starts: dict[str, int]) -> None:
    """Raises unless everybody gets to have all that was written, each of it once."""
    ends = dict(starts)
    for user in users:
        ends[user.room] += user.written
    deadline = perf_counter() + SECONDS
    while any(user.waiting or user.seq < ends[user.room] for user in users):
        if perf_counter() > deadline:
            raise RuntimeError("something is lost")
        await asyncio.sleep(0.05)
    for user in users:
        if user.failed or user.seq != ends[user.room]:
            raise RuntimeError(user.failed or "something was written twice")


class User:
    """Follows a room, comes back when the connection ends, and asks again for what it missed."""

    def __init__(self, port: int, token: str, room: str) -> None:
        self.room = room
        self.seq = 0  # of the last event it has
        self.written = 0
        self.waiting: dict[int, bytes] = {}  # what was sent and is not acknowledged
        self.times_live = 0  # on how many connections it has caught up
        self.live_at = 0.0  # when it did on the last one
        self.failed = ""
        self._port, self._token = port, token
        self._head: int | None = None  # where the room was when it came, until it is there
        self._transport: WSTransport | None = None

    async def stay(self) -> None:
        """Be connected; runs until it is cancelled."""
        headers = {
            "Sec-WebSocket-Protocol": "chat.v1",
            "Authorization": f"Bearer {self._token}",
        }
        while True:
            try:
                self._transport, _ = await ws_connect(
                    lambda: Connection(self), f"ws://127.0.0.1:{self._port}/ws",
                    extra_headers=headers, websocket_handshake_timeout=30,
                )  # fmt: skip
            except (OSError, WSError):
                await asyncio.sleep(random.uniform(*RETRY))
                continue
            self._send(b'{"id":0,"op":"sub","rooms":{"%s":%d}}' % (self.room.encode(), self.seq))
            for frame in self.waiting.values():
                self._send(frame)
            try:
                await self._transport.wait_disconnected()
            finally:
                self._transport.disconnect(graceful=False)
                self._transport = self._head = None
            await asyncio.sleep(random.uniform(*RETRY))

    def write(self) -> None:
        """Send a message now, or once there is a connection."""
        self.written += 1
        number = self.written
        self.waiting[number] = (
            b'{"id":%d,"op":"send","room":"%s","client_id":"c%d","body":"%s"}'
            % (number, self.room.encode(), number, b"x" * BODY_CHARS)
        )
        self._send(self.waiting[number])

    def _send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, frame)

    # -- what comes in ---------------------------------------------------------------------------

    def take(self, payload: bytes) -> None:
        if payload[2] == ord("e"):
            self._take_event(payload)
        elif payload.startswith(b'{"re":0,'):
            head = _HEAD.search(payload)
            if head is None or b'"ok"' not in payload or b'"gap"' in payload:
                self.failed = payload.decode()
                return
            self._head = int(head[1])
            self._note_live()
        elif payload.startswith(b'{"re":'):
            self._take_answer(payload)

    def _take_event(self, payload: bytes) -> None:
        found = _SEQ.search(payload)
        if found is None or int(found[1]) != self.seq + 1:
            self.failed = f"after {self.seq}: {payload.decode()}"
        self.seq += 1
        self._note_live()

    def _take_answer(self, payload: bytes) -> None:
        number = int(payload[payload.index(b":") + 1 : payload.index(b",")])
        if b'"ok"' in payload:
            self.waiting.pop(number, None)
        elif b'"later"' not in payload:
            self.failed = payload.decode()

    def _note_live(self) -> None:
        if self._head is not None and self.seq >= self._head:
            self._head = None
            self.live_at = perf_counter()
            self.times_live += 1


class Connection(WSListener):
    """One of a user's connections."""

    def __init__(self, user: User) -> None:
        self._user = user

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._user.take(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect(graceful=False)
