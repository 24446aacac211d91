"""One connection after the other: each is opened, signed in, and listened to until it ends."""

import asyncio
import json
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    websocket_connect,
)

from chatserver.client.errors import Disconnected, Refused, refusal
from chatserver.protocol import VERSION

FIRST_SECONDS, MOST_SECONDS = 1.0, 30.0  # until the next try to connect
CONNECT_SECONDS = 30.0
FATAL = 4450  # close codes from here on: another connection would be refused as well
FRAME_BYTES = 64 * 2**20

logger = logging.getLogger("chatserver.client")

Frame = dict[str, Any]


class Link:
    """Stays connected to a server until it is closed, or refused for good."""

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext | None,
        *,
        begun: Callable[[Frame], Awaitable[None]],
        heard: Callable[[Frame], None],
    ) -> None:
        """`begun` is awaited with the hello of each connection, and signs in; what it is refused for good ends the link.
        `heard` gets all frames that are no answers.
        """
        self._request = HTTPRequest(
            f"ws{url.removeprefix('http')}/ws",
            ssl_options=tls,
            connect_timeout=CONNECT_SECONDS,
        )
        self._begun, self._heard = begun, heard
        self._socket: WebSocketClientConnection | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._most_bytes = FRAME_BYTES  # of a frame that the server takes
        self._ready, self._ended = asyncio.Event(), asyncio.Event()
        self._end: BaseException | None = None
        self._hurry: float | None = (
            None  # seconds until the server that has announced its end can be left
        )

    @property
    def end(self) -> BaseException | None:
        """The reason for which there will be no other connection."""
        return self._end

    async def run(self) -> None:
        """Connect again and again. Returns when the server refuses, with `end` set."""
        wait = FIRST_SECONDS
        while self._end is None:
            try:
                if await self._talk():
                    wait = FIRST_SECONDS
            except Refused as error:
                self._finish(error)
                return
            except (OSError, HTTPClientError, WebSocketError) as error:
                logger.warning("no connection: %s", error)
            except Exception as error:
                self._finish(error)
                raise
            if self._ended.is_set():
                return
            pause = wait * (0.5 + random.random() / 2)  # noqa: S311 - so that clients do not all come at once
            if self._hurry is not None:
                pause, self._hurry = random.random() * self._hurry, None  # noqa: S311 - as above
            await self._pause(pause)
            wait = min(2 * wait, MOST_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the link is closed meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    def close(self) -> None:
        self._finish(Disconnected("the client is closed"))
        if self._socket is not None:
            self._socket.close()

    async def ready(self) -> None:
        """Return once there is a connection whose `begun` is done. Raises `Refused`, `Disconnected` at the end."""
        await self._ready.wait()
        if self._end is not None:
            raise self._end

    async def ask(self, op: str, fields: Mapping[str, Any]) -> Any:
        """The answer to an operation on the present connection. Raises `Refused`, `Disconnected`."""
        number = self._number + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await self.say(op, fields)
            return await answer
        finally:
            self._answers.pop(number, None)
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen, though nobody waits any more

    async def say(self, op: str, fields: Mapping[str, Any]) -> None:
        """Send an operation. Raises `Disconnected` if there is no connection, `Refused` if it is too large for any."""
        if self._socket is None:
            raise Disconnected("there is no connection")
        self._number += 1
        frame = json.dumps({"id": self._number, "op": op, **fields})
        if (
            len(frame.encode()) > self._most_bytes
        ):  # it would end this connection, and each one after it
            raise Refused("limit.size", f"A frame has at most {self._most_bytes} bytes.")
        with suppress(
            WebSocketClosedError, StreamClosedError
        ):  # then the answers of this connection end, too
            await self._socket.write_message(frame)

    # -- one connection ----------------------------------------------------------------------------

    async def _talk(self) -> bool:
        """One connection from its beginning to its end; returns whether it got as far as being ready."""
        socket = await websocket_connect(
            self._request, subprotocols=[VERSION], max_message_size=FRAME_BYTES
        )
        self._socket = socket
        beginning: asyncio.Task[None] | None = None
        beating: asyncio.Task[None] | None = None
        try:
            while (text := await socket.read_message()) is not None:
                frame = json.loads(text)
                if "re" in frame:
                    self._settle(frame)
                elif frame.get("sys") == "hello":
                    self._most_bytes = frame["max_frame"]
                    beginning = asyncio.create_task(self._begin(frame))
                    beating = asyncio.create_task(self._beat(frame["heartbeat_ms"] / 1000))
                else:
                    if frame.get("sys") == "drain":
                        self._hurry = frame["after_ms"] / 1000
                    self._heard(frame)
        finally:
            was_ready = self._ready.is_set()
            socket.close()
            self._let_go(socket)
            for task in (beginning, beating):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*filter(None, (beginning, beating)), return_exceptions=True)
        if (code := socket.close_code) is not None and code >= FATAL:
            raise Refused(
                "auth.invalid", f"The server has closed with {code}: {socket.close_reason}"
            )
        return was_ready

    async def _begin(self, hello: Frame) -> None:
        try:
            await self._begun(hello)
            self._ready.set()
        except (Refused, Disconnected) as error:
            logger.warning("the connection did not begin: %s", error)
            if isinstance(error, Refused) and error.after_ms is None:
                self._finish(error)
            if self._socket is not None:
                self._socket.close()

    async def _beat(self, seconds: float) -> None:
        """Leave a connection on which nothing is answered any more."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await asyncio.wait_for(self.ask("ping", {}), 2 * seconds)
            except (Refused, Disconnected):
                continue
            except TimeoutError:
                logger.warning("the server is silent: connecting again")
                if self._socket is not None:
                    self._socket.close()
                    self._let_go(self._socket)
                return

    def _settle(self, frame: Frame) -> None:
        answer = self._answers.get(frame["re"])
        if answer is None or answer.done():
            return
        if "error" in frame:
            answer.set_exception(refusal(frame["error"]))
        else:
            answer.set_result(frame["ok"])

    def _let_go(self, socket: WebSocketClientConnection) -> None:
        """Those who wait for answers get none any more."""
        if self._socket is not socket:
            return
        self._socket = None
        if self._end is None:
            self._ready.clear()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Disconnected("the connection ended before the answer"))

    def _finish(self, error: BaseException) -> None:
        if self._end is None:
            self._end = error
        self._ended.set()
        self._ready.set()  # whoever waits learns of the end
