"""Real clients: they send, repeat what was not answered, resume where they were, and note everything."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.faults.history import History
from tests.faults.scale import Scale
from tests.faults.server import ChatServer

ANSWER_SECONDS = 10.0  # after which a send is of unknown outcome and is repeated
RETRY_SECONDS = 0.1
_encode = msgspec.json.encode
_decode: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode


class Unsettled(msgspec.Struct):
    """A message that its client has not seen the end of."""

    room: str
    client_id: str
    body: str
    timer: asyncio.TimerHandle | None = None


class Connection(WSListener):  # type: ignore[misc]
    """Hands frames to its client until it ends."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.ended = asyncio.Event()
        self.close_code: int | None = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._client.received(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            self.close_code = int(frame.get_close_code())
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.ended.set()


class Client:
    """One user's client in some rooms.

    `forgetful` makes a bad one, as a control: it repeats a send under a new client_id.
    """

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        rooms: Iterable[str],
        history: History,
        *,
        forgetful: bool = False,
    ) -> None:
        self.name, self.token = name, token
        self.rooms = frozenset(rooms)
        self.positions: dict[str, int | None] = dict.fromkeys(self.rooms)
        self.unsettled: dict[str, Unsettled] = {}
        self.refusal_seconds: list[float] = []
        self.connections = 0
        self.is_live = asyncio.Event()
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._history, self._forgetful = history, forgetful
        self._asked: dict[int, tuple[Unsettled, float]] = {}
        self._subscribed = 0
        self._number = 0
        self._transport: WSTransport | None = None
        self._task = asyncio.create_task(self._run(), name=name)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        for message in self.unsettled.values():
            if message.timer is not None:
                message.timer.cancel()

    def cut(self) -> None:
        """Break the connection, as a network does."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def send(self, room: str, text: str = "") -> None:
        self._number += 1
        client_id = f"{self.name}-{self._number}"
        self._transmit(Unsettled(room, client_id, text or f"message {client_id}"))

    # -- the connection -------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                await self._connect()
            except (TimeoutError, OSError):
                pass
            except Exception as error:
                if type(error).__module__.partition(".")[0] != "picows":
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _connect(self) -> None:
        transport, connection = await ws_connect(
            lambda: Connection(self),
            self._url,
            extra_headers={
                "Authorization": f"Bearer {self.token}",
                "Sec-WebSocket-Protocol": "chat.v1",
            },
            enable_auto_pong=False,
        )
        self._transport = transport
        self.connections += 1
        try:
            self._subscribe()
            for message in list(self.unsettled.values()):
                self._transmit(message)
            await connection.ended.wait()
        finally:
            self._transport = None
            self.is_live.clear()
            self._asked.clear()
            for message in self.unsettled.values():
                self._note("info", message)
            transport.disconnect(graceful=False)

    def _subscribe(self) -> None:
        self._subscribed = self._say({"op": "sub", "rooms": self.positions})

    def _say(self, frame: dict[str, Any]) -> int:
        """Send a frame with a number of its own, if there is a connection."""
        self._number += 1
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, _encode({"id": self._number, **frame}))
        return self._number

    # -- frames in ------------------------------------------------------------------------------

    def received(self, payload: bytes) -> None:
        frame = _decode(payload)
        if "ev" in frame:
            self._event(frame)
        elif frame.get("re") == self._subscribed:
            self._followed(frame)
        elif "re" in frame and frame["re"] in self._asked:
            self._answered(*self._asked.pop(frame["re"]), frame)

    def _event(self, frame: dict[str, Any]) -> None:
        seq = frame.get("seq")
        if seq is None:
            return
        room = frame["room"]
        self._history.add(self.name, "ok", "recv", room, frame.get("client_id"), seq)
        self.positions[room] = seq

    def _followed(self, frame: dict[str, Any]) -> None:
        if "error" in frame or any(
            state["state"] == "error" for state in frame["ok"]["rooms"].values()
        ):
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._subscribe)
            return
        for room, state in frame["ok"]["rooms"].items():
            assert state["state"] != "gap", f"{self.name}: a gap in {room}"
            if self.positions[room] is None:
                self.positions[room] = state["head"]
            self._history.add(self.name, "ok", "resume", room, seq=self.positions[room])
        self.is_live.set()

    def _answered(self, message: Unsettled, since: float, frame: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        if "ok" in frame:
            self._settle(message)
            self._note("ok", message, frame["ok"]["seq"])
            return
        self.refusal_seconds.append(loop.time() - since)
        if frame["error"]["retry"] == "never":
            self._settle(message)
            self._note("fail", message)
        else:
            self._note("info", message)
            pause = frame["error"].get("after_ms", 100) / 1000
            self._later(pause, message)

    # -- sends ----------------------------------------------------------------------------------

    def _transmit(self, message: Unsettled) -> None:
        if self._forgetful and message.client_id in self.unsettled:
            self.unsettled.pop(message.client_id)
            message.client_id += "-again"
        self.unsettled[message.client_id] = message
        self._note("invoke", message)
        if self._transport is None:
            return
        number = self._say(
            {
                "op": "send",
                "room": message.room,
                "client_id": message.client_id,
                "body": message.body,
            }
        )
        self._asked[number] = message, asyncio.get_running_loop().time()
        self._later(ANSWER_SECONDS, message)

    def _later(self, seconds: float, message: Unsettled) -> None:
        if message.timer is not None:
            message.timer.cancel()
        message.timer = asyncio.get_running_loop().call_later(seconds, self._again, message)

    def _again(self, message: Unsettled) -> None:
        if message.client_id in self.unsettled and self._transport is not None:
            self._note("info", message)
            self._transmit(message)

    def _settle(self, message: Unsettled) -> None:
        self.unsettled.pop(message.client_id, None)
        if message.timer is not None:
            message.timer.cancel()

    def _note(self, kind: Any, message: Unsettled, seq: int | None = None) -> None:
        self._history.add(self.name, kind, "send", message.room, message.client_id, seq)


class Fleet:
    """Clients in rooms, each client in a few, and the traffic between them."""

    def __init__(
        self, server: ChatServer, scale: Scale, seed: int, *, forgetful: bool = False
    ) -> None:
        self.server, self.scale = server, scale
        self.history = History()
        self.clients: list[Client] = []
        self._random = random.Random(seed)
        self._forgetful = forgetful
        self._readers: dict[str, str] = {}  # room -> the token of one who may read it

    @property
    def rooms(self) -> list[str]:
        return list(self._readers)

    async def __aenter__(self) -> "Fleet":
        members = await asyncio.to_thread(self._prepare)
        for name, (token, rooms) in members.items():
            client = Client(
                name, self.server.url, token, rooms, self.history, forgetful=self._forgetful
            )
            self.clients.append(client)
        async with asyncio.timeout(30):
            await asyncio.gather(*(client.is_live.wait() for client in self.clients))
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.gather(*(client.stop() for client in self.clients))

    def _prepare(self) -> dict[str, tuple[str, list[str]]]:
        """Accounts and rooms. Client i is in rooms i and i + 1, so that all rooms are alike."""
        names = [f"c{number}" for number in range(self.scale.clients)]
        tokens = {name: self.server.register(name) for name in names}
        for number in range(self.scale.rooms):
            owner = tokens[names[number % len(names)]]
            self._readers[self.server.room(owner, f"room {number}")] = owner
        members = {}
        for number, name in enumerate(names):
            mine = [self.rooms[(number + step) % len(self.rooms)] for step in (0, 1)]
            for room in mine:
                self.server.post(f"/api/v1/rooms/{room}/join", tokens[name])
            members[name] = tokens[name], mine
        return members

    async def talk(self, seconds: float) -> None:
        """Send at the scale's rate, whatever becomes of it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(int(seconds * self.scale.rate)):
            await asyncio.sleep(max(0, began + number / self.scale.rate - loop.time()))
            client = self._random.choice(self.clients)
            client.send(self._random.choice(sorted(client.rooms)))

    async def settled(self, seconds: float = 60) -> None:
        """Wait until every send is answered, and every client has what the server has."""
        async with asyncio.timeout(seconds):
            while any(client.unsettled for client in self.clients):
                await asyncio.sleep(0.02)
            await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until every client has all that was acknowledged to anybody, or seen by anybody."""
        heads: dict[str, int] = {}
        for entry in self.history.operations:
            heads[entry.room] = max(heads.get(entry.room, 0), entry.seq or 0)
        while not all(self._has(client, heads) for client in self.clients):
            await asyncio.sleep(0.01)

    @staticmethod
    def _has(client: Client, heads: dict[str, int]) -> bool:
        return client.is_live.is_set() and all(
            (client.positions[room] or 0) >= heads.get(room, 0) for room in client.rooms
        )

    async def logs(self) -> dict[str, list[dict[str, Any]]]:
        """What the store holds, read through the server."""
        return await asyncio.to_thread(
            lambda: {room: self.server.log(room, token) for room, token in self._readers.items()}
        )

    def heard(self) -> dict[str, frozenset[str]]:
        """The rooms that each client may hear."""
        return {client.name: client.rooms for client in self.clients}
