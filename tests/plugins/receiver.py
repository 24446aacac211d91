"""A receiver of webhooks: a real HTTP server that answers, fails, hangs, and goes away as it is told."""

import asyncio
import base64
import hmac
import inspect
import json
import ssl
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.servers import free_port

SECRET = "a secret of some length"


class Receiver:
    """`got` has the events it answered 200 for, `headers` those of the last request."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.got: list[dict[str, Any]] = []
        self.tried = 0
        self.status = 200
        self.hangs = False
        self.retry_after = ""
        self.answer = b""  # what it says besides the status
        self.headers: dict[str, str] = {}
        self.body = b""
        self.port = free_port()
        self._server: HTTPServer | None = None

    @property
    def uri(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        pages = Application([("/.*", Handler, {"receiver": self})])
        self._server = HTTPServer(pages, ssl_options=self.tls)
        self._server.add_sockets(bind_sockets(self.port, "127.0.0.1"))

    async def stop(self) -> None:
        """Its port is closed, and so is what was open."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None

    async def take(self, handler: RequestHandler) -> None:
        self.tried += 1
        self.headers = dict(handler.request.headers)
        self.body = handler.request.body
        if self.hangs:
            await asyncio.sleep(30)
        if self.status == 200:
            assert is_signed(self.headers, self.body)
            self.got.append(json.loads(self.body))
        handler.set_status(self.status)
        handler.set_header("Location", "/elsewhere")
        if self.retry_after:
            handler.set_header("Retry-After", self.retry_after)
        if self.answer:
            handler.write(self.answer)

    def seqs(self, room: str) -> list[int]:
        return [event["data"]["seq"] for event in self.got if event["data"]["room"] == room]


async def until(happened: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for something that a function says, or a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            answer = happened()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.02)


class Handler(RequestHandler):
    def initialize(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def post(self) -> None:
        await self._receiver.take(self)


def is_signed(headers: dict[str, str], body: bytes, key: bytes = SECRET.encode()) -> bool:
    """As a receiver checks it who knows the specification and not our code."""
    fields = {name.lower(): value for name, value in headers.items()}
    content = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, sha256).digest()).decode()
    return fields["webhook-signature"] == f"v1,{signature}"
