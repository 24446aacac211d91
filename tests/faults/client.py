"""Real clients: they send, repeat what was not answered, resume where they were, and note everything."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from picows import (
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from tests.faults.history import History

ANSWER_SECONDS = 10.0  # after which a send is of unknown outcome and is repeated
RETRY_SECONDS = 0.1
STOP_CODE = 4450  # from this close code on a client stops and tells its user
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
    """One user's client in some rooms. When it loses its node, it goes to the next one.

    `forgetful` makes a bad one, as a control: it repeats a send under a new client_id.
    """

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        token: str,
        rooms: Iterable[str],
        history: History,
        *,
        forgetful: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """`options` go to picows' ws_connect: how a connection is made, such as its TLS."""
        self.name, self.token = name, token
        self.rooms = frozenset(rooms)
        self.positions: dict[str, int | None] = dict.fromkeys(self.rooms)
        self.unsettled: dict[str, Unsettled] = {}
        self.refusal_seconds: list[float] = []
        self.resume_seconds: list[float] = []  # from the loss of a connection to being live again
        self.complaints: list[str] = []  # what its user would have to be told: error codes
        self.connections = 0
        self.refusals: list[int] = []  # HTTP statuses of upgrades that were refused
        self.is_live = asyncio.Event()
        self._urls = [url.replace("http", "ws", 1) + "/ws" for url in urls]
        self._history, self._forgetful = history, forgetful
        self._options = options or {}
        self._asked: dict[int, tuple[Unsettled, float]] = {}
        self._subscribed = 0
        self._number = 0
        self._lost_at: float | None = None
        self._transport: WSTransport | None = None
        self._epoch: str | None = None  # that the positions are of
        self._present_epoch: str | None = None
        self.start()

    def start(self) -> None:
        """Connect; again after `stop`, with all that it knows."""
        self._task = asyncio.create_task(self._run(), name=self.name)

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
        for url in itertools.cycle(self._urls):
            try:
                await self._connect(url)
            except (TimeoutError, OSError):
                pass
            except WSInvalidStatusError as error:
                assert error.response is not None
                self.refusals.append(int(error.response.status))
            except Exception as error:
                if type(error).__module__.partition(".")[0] != "picows":
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _connect(self, url: str) -> None:
        transport, connection = await ws_connect(
            lambda: Connection(self),
            url,
            extra_headers={
                "Authorization": f"Bearer {self.token}",
                "Sec-WebSocket-Protocol": "chat.v1",
            },
            enable_auto_pong=False,
            **self._options,
        )
        if (
            connection is None
        ):  # it was lost before anybody could use it, and picows has let go of it
            return
        self._transport = transport
        self.connections += 1
        try:
            self._subscribe()
            for message in list(self.unsettled.values()):
                self._transmit(message)
            await connection.ended.wait()
        finally:
            self._transport = None
            if connection.close_code is not None and connection.close_code >= STOP_CODE:
                self.complaints.append(str(connection.close_code))
            if self.is_live.is_set():
                self._lost_at = asyncio.get_running_loop().time()
            self.is_live.clear()
            self._asked.clear()
            for message in self.unsettled.values():
                self._note("info", message)
            transport.disconnect(graceful=False)

    def _subscribe(self) -> None:
        asked = {"op": "sub", "rooms": self.positions, "epoch": self._epoch}
        self._subscribed = self._say(asked)

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
        elif frame.get("sys") == "hello":
            self._present_epoch = frame["epoch"]
            self._epoch = self._epoch or self._present_epoch
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
            self.complaints.append("sub")
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._subscribe)
            return
        rooms = frame["ok"]["rooms"]
        if any(state["state"] == "gap" for state in rooms.values()):
            self._load_anew(rooms)
            return
        for room, state in rooms.items():
            if self.positions[room] is None:
                self.positions[room] = state["head"]
            self._history.add(self.name, "ok", "resume", room, seq=self.positions[room])
        if self._lost_at is not None:
            self.resume_seconds.append(asyncio.get_running_loop().time() - self._lost_at)
            self._lost_at = None
        self.is_live.set()

    def _load_anew(self, rooms: dict[str, dict[str, Any]]) -> None:
        """The client's positions cannot be resumed: go on from the present heads."""
        self.complaints.append("gap")
        for room, state in rooms.items():
            self.positions[room] = state["head"]
            self._history.add(self.name, "ok", "gap", room, seq=state["head"])
        self._epoch = self._present_epoch
        self._subscribe()

    def _answered(self, message: Unsettled, since: float, frame: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        if "ok" in frame:
            self._settle(message)
            self._note("ok", message, frame["ok"]["seq"])
            return
        self.refusal_seconds.append(loop.time() - since)
        self.complaints.append(frame["error"]["code"])
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
