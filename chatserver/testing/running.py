"""A real server for the tests of a plugin, under any test runner, or none:

    async with running("calm") as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await ada.post(room, "Hello")

Plugins that declare their powers are held to them: a use of another one raises `UndeclaredPower` at the end of the
block, whatever became of it before.

Users act through the service, as all interfaces do; `chat.http`, `ada.http` and `ada.call` go through the port. Jobs,
consumers and timers run. `chatserver.testing.clock` has a clock that the test moves.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver.app import Server
from chatserver.config import load
from chatserver.denial.refusal import Denial, UndeclaredPower
from chatserver.denial.server import DeniedServer, holding
from chatserver.errors import ChatError, Meaning
from chatserver.interfaces import Records
from chatserver.model import MessagePosted, RoomKind, User
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import SYSTEM
from chatserver.runtime.ids import new_id
from chatserver.service.commands import CommandOutcome
from chatserver.service.service import Service
from chatserver.testing.clock import FakeClock

PASSWORD = "correct horse battery staple"  # noqa: S105 - of accounts that live for one test
ANSWER_SECONDS = 60.0
# Of plugins' calls, and of those of the stores that come with the server: a machine that runs tests stands still for
# seconds now and then, and a test that fails then says nothing of a plugin.
CALL_SECONDS = 30.0
OWN_STORES = ("sqlite", "mongo", "postgres")
HEAD = "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n"


class Answer(NamedTuple):
    """The answer to an HTTP request; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Chat:
    """A running server."""

    def __init__(self, server: Server, port: int, clock: FakeClock | None) -> None:
        self._server, self.port, self._clock = server, port, clock
        self.url = f"http://127.0.0.1:{port}"

    @property
    def service(self) -> Service:
        return self._server.service

    @property
    def clock(self) -> FakeClock:
        """The clock that `running` was given."""
        assert self._clock is not None, "give running a clock: clock=FakeClock()"
        return self._clock

    def records(self, plugin: str) -> Records:
        """The records of a plugin, for what only its own code makes otherwise."""
        return self._server.context(plugin).records

    async def user(self, name: str) -> "Person":
        """A new account, signed in. The first one of a server is its owner."""
        user, token = await self.service.accounts.register(name, PASSWORD)
        return Person(self, user, token)

    async def http(self, method: str, path: str, body: object = None, token: str = "") -> Answer:
        """Send a request; a body is sent as JSON. Raises `TimeoutError` after ANSWER_SECONDS."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = f"Authorization: Bearer {token}\r\n" if token else ""
        if data:
            headers += "Content-Type: application/json\r\n"
        head = HEAD.format(method=method, path=path, headers=headers, length=len(data))
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(head.encode() + data)
                return _parsed(await reader.read())
            finally:
                writer.close()


class Person:
    """Somebody with an account, who is signed in."""

    def __init__(self, chat: Chat, user: User, token: str) -> None:
        self._chat, self.user, self.token = chat, user, token

    @property
    def id(self) -> str:
        return self.user.id

    async def create_room(
        self,
        name: str,
        *,
        kind: RoomKind = RoomKind.PUBLIC,
        members: Sequence["Person"] = (),
    ) -> Room:
        """A new room with this person as owner. Raises `ChatError`."""
        others = [member.id for member in members]
        return await self._chat.service.rooms.create(self.user, kind, name, members=others)

    async def join(self, room: Room) -> None:
        """Join a public room. Raises `ChatError`."""
        await self._chat.service.rooms.join(self.user, room)

    async def post(self, room: Room, body: str) -> MessagePosted:
        """The message as it was stored. Raises `ChatError`."""
        event, _ = await self._chat.service.messages.post(self.user, room, new_id(), body)
        return event

    async def command(self, room: Room, text: str, client_id: str = "") -> CommandOutcome:
        """Run a command, such as "/topic Tea". Raises `ChatError`.

        With a `client_id`, a second call repeats the first.
        """
        commands = self._chat.service.commands
        return await commands.run(self.user, room, text, client_id or new_id())

    async def http(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request with this person's session. See `Chat.http`."""
        return await self._chat.http(method, path, body, self.token)

    async def call(self, op: str, **fields: object) -> Any:
        """The `ok` of the answer to an operation, over a WebSocket of its own.

        Raises `ChatError` with the answer's code, or `TimeoutError` after ANSWER_SECONDS.
        """
        url = f"ws://127.0.0.1:{self._chat.port}/ws"
        request = HTTPRequest(url, headers={"Authorization": f"Bearer {self.token}"})
        async with asyncio.timeout(ANSWER_SECONDS):
            socket = await websocket_connect(request, subprotocols=["chat.v1"])
            try:
                await socket.write_message(json.dumps({"id": 1, "op": op, **fields}))
                answer: dict[str, Any] = {}
                while answer.get("re") != 1:
                    answer = json.loads(await socket.read_message() or "null")
            finally:
                socket.close()
        if "error" in answer:
            raise _refused(answer["error"])
        return answer["ok"]


@asynccontextmanager
async def running(
    *plugins: str,
    store: str = "memory",
    settings: Mapping[str, object] | None = None,
    clock: FakeClock | None = None,
) -> AsyncIterator[Chat]:
    """A server with these plugins, on a free port of loopback, with its data in a temporary folder.

    `settings` are further ones by their keys, such as `{"plugins.folder": "local", "plugin.calm.longest": 5}`. Time
    limits of calls are longer than a server's own: a plugin that hangs is noticed after CALL_SECONDS.
    Raises `StartupError` for a plugin or setting that is wrong, and `UndeclaredPower`.
    """
    with tempfile.TemporaryDirectory(prefix="chatserver-") as folder:
        given: dict[str, object] = {
            "server.data": folder,
            "server.port": 0,
            "server.drain_seconds": 0.1,
            "logging.folder": "",
            "limits.registrations_per_hour": 0,
            "plugins.enabled": [store, "password", *plugins],
            "plugins.deadline_seconds": CALL_SECONDS,
            # Hashing is not what is tried: the lowest cost that the plugin has.
            "plugin.password.memory_kib": 8,
            "plugin.password.passes": 1,
        }
        if store in OWN_STORES:
            given[f"plugin.{store}.timeout_ms"] = int(CALL_SECONDS * 1000)
        loaded = load(overrides=given | dict(settings or {}), environ={})
        denial = Denial(loaded.config)
        with holding(denial):
            server = DeniedServer(loaded, denial, clock or SYSTEM)
            async with server.opened():
                port = server.listen()
                try:
                    async with server.working():
                        if clock is not None:
                            await clock.settle(server.periodic)
                        yield Chat(server, port, clock)
                finally:
                    await server.drain()


def _refused(error: Mapping[str, Any]) -> ChatError:
    meaning = Meaning(400, error["retry"], error["message"])
    detail = error.get("detail")
    return ChatError(error["code"], error["message"], detail=detail, meaning=meaning)


def _parsed(answer: bytes) -> Answer:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = (line.partition(":") for line in lines)
    return Answer(
        int(first.split(" ", 2)[1]),
        {name.strip().lower(): value.strip() for name, _, value in headers},
        body,
    )


__all__ = [
    "ANSWER_SECONDS",
    "PASSWORD",
    "Answer",
    "Chat",
    "Person",
    "UndeclaredPower",
    "running",
]
