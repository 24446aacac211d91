"""One round of the probe: what two users do, from signing in to a message received.

Each round posts one message, always with the same text, to the direct room of the two accounts. The log keeps
all events, and a deletion is an event too, so the probe does not delete: a low rate is the bound.
"""

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatserver.errors import StartupError
from chatserver.probe.accounts import Account
from chatserver.probe.outcome import Failure, Outcome, Step
from chatserver.protocol import VERSION
from chatserver.vitals.certificate import expiry

BODY = "probe"
END_SECONDS = 5.0  # for signing out, which no round depends on


class StepFailed(Exception):
    """A step failed; `reason` is short, for a label."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


class Probe:
    """Makes rounds against one address, as two users."""

    def __init__(
        self, url: str, accounts: tuple[Account, Account], *, seconds: float, ca: str | None = None
    ) -> None:
        """`url` is the public address, such as https://chat.example.org; `seconds` bound one round.

        `ca` is a file with the authorities to trust instead of the system's. Raises `StartupError`.
        """
        parts = urlsplit(url.rstrip("/"))
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.query:
            raise StartupError(f"{url}: expected an address such as https://chat.example.org")
        self._url, self._accounts, self._seconds = parts.geturl(), accounts, seconds
        self._host = parts.hostname
        self._port = port or (443 if parts.scheme == "https" else 80)
        self._tls = _context(ca) if parts.scheme == "https" else None
        self._step: Step = "sign_in"
        self._took: dict[str, float] = {}

    async def round(self) -> Outcome:
        """Make one round; never raises for what the server does."""
        at, self._took, ends = time.time(), {}, None
        failure: Failure | None = None
        try:
            async with asyncio.timeout(self._seconds):
                if self._tls is not None:
                    ends = await self._certificate(self._tls)
                    await self._trusted(self._tls)
                await self._talk()
        except StepFailed as error:
            failure = Failure(self._step, error.reason, error.text)
        except TimeoutError:
            failure = Failure(self._step, "timeout", f"no answer within {self._seconds:g} s")
        except Exception as error:  # a server that talks nonsense must not end the probe
            failure = Failure(self._step, type(error).__name__, str(error))
        return Outcome(
            ok=failure is None, at=at, seconds=self._took, failure=failure, certificate_expiry=ends
        )

    # -- the certificate -----------------------------------------------------------------------------

    async def _certificate(self, trusted: ssl.SSLContext) -> float | None:
        """The end of the certificate, also of one that is not trusted or has ended."""
        self._step = "certificate"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = trusted.minimum_version
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(
            self._host, self._port, ssl=context, server_hostname=self._host
        )
        try:
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return expiry(der)
        except ValueError:
            return None
        finally:
            writer.transport.abort()

    async def _trusted(self, context: ssl.SSLContext) -> None:
        began = time.perf_counter()
        try:
            _, writer = await asyncio.open_connection(
                self._host, self._port, ssl=context, server_hostname=self._host
            )
        except ssl.SSLCertVerificationError as error:
            raise StepFailed("untrusted", error.verify_message) from error
        writer.transport.abort()
        self._took["certificate"] = time.perf_counter() - began

    # -- the two users -------------------------------------------------------------------------------

    async def _talk(self) -> None:
        async with AsyncExitStack() as stack:
            self._step, began = "sign_in", time.perf_counter()
            users = []
            for account in self._accounts:
                token = await stack.enter_async_context(self._signed_in(account))
                user = await self._ask("GET", "me", token)
                users.append((user["id"], token))
            self._took["sign_in"] = time.perf_counter() - began
            (own, sender), (other, receiver) = users
            if own == other:
                raise StepFailed("same_account", "both are one account, expected two")

            self._step, began = "connect", time.perf_counter()
            sending = await stack.enter_async_context(self._connected(sender))
            listening = await stack.enter_async_context(self._connected(receiver))
            self._took["connect"] = time.perf_counter() - began

            self._step, began = "room", time.perf_counter()
            made = await sending.ask(op="create", kind="direct", members=[other])
            room = made["id"]
            await listening.ask(op="sub", rooms={room: None})
            self._took["room"] = time.perf_counter() - began
            await self._message(sending, listening, room)

    async def _message(self, sending: "Connection", listening: "Connection", room: str) -> None:
        self._step, began = "acknowledge", time.perf_counter()
        client_id = f"probe {secrets.token_hex(12)}"
        received = asyncio.create_task(listening.received(room, client_id))
        try:
            await sending.ask(op="send", room=room, client_id=client_id, body=BODY)
            self._took["acknowledge"] = time.perf_counter() - began
            self._step = "receive"
            self._took["receive"] = await received - began
        finally:
            received.cancel()
            await asyncio.gather(received, return_exceptions=True)

    @asynccontextmanager
    async def _signed_in(self, account: Account) -> AsyncIterator[str]:
        """A token; of a session of its own, which is closed at the end, unless a token was given."""
        if not account.name:
            yield account.secret
            return
        body = {"username": account.name, "password": account.secret}
        token: str = (await self._ask("POST", "login", None, body))["token"]
        try:
            yield token
        finally:
            with suppress(StepFailed, OSError, HTTPError, TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._ask("POST", "logout", token, {})

    @asynccontextmanager
    async def _connected(self, token: str) -> AsyncIterator["Connection"]:
        request = HTTPRequest(
            "ws" + self._url.removeprefix("http") + "/ws",
            headers={"Authorization": f"Bearer {token}"},
            connect_timeout=self._seconds,
            request_timeout=self._seconds,
            ssl_options=self._tls,
        )
        try:
            socket = await websocket_connect(request, subprotocols=[VERSION])
        except HTTPError as error:
            raise StepFailed(f"status {error.code}", f"the upgrade was refused: {error}") from error
        connection = Connection(socket)
        try:
            await connection.hello()
            yield connection
        finally:
            socket.close(1000)

    async def _ask(
        self, method: str, path: str, token: str | None, body: dict[str, str] | None = None
    ) -> Any:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        request = HTTPRequest(
            f"{self._url}/api/v1/{path}",
            method=method,
            headers=headers,
            body=None if body is None else json.dumps(body),
            connect_timeout=self._seconds,
            request_timeout=self._seconds,
            follow_redirects=False,
            ssl_options=self._tls,
        )
        client: AsyncHTTPClient = SimpleAsyncHTTPClient(force_instance=True)
        try:
            answer = await client.fetch(request, raise_error=False)
        finally:
            client.close()
        return _read(answer)


class Connection:
    """One WebSocket connection. Read by one task at a time: first answers, then events."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self._number = 0

    async def hello(self) -> None:
        if (await self._next()).get("sys") != "hello":
            raise StepFailed("protocol", "the first frame is no hello")

    async def ask(self, **op: Any) -> Any:
        """The `ok` of the answer to an operation."""
        self._number += 1
        await self._socket.write_message(json.dumps({"id": self._number, **op}))
        while (frame := await self._next()).get("re") != self._number:
            pass
        if "error" in frame:
            raise StepFailed(frame["error"]["code"], frame["error"]["message"])
        return frame["ok"]

    async def received(self, room: str, client_id: str) -> float:
        """The time (perf_counter) at which the message arrived."""
        while True:
            frame = await self._next()
            if frame.get("room") == room and frame.get("client_id") == client_id:
                return time.perf_counter()

    async def _next(self) -> dict[str, Any]:
        text = await self._socket.read_message()
        if text is None:
            code = self._socket.close_code
            raise StepFailed(f"closed {code}", f"the server closed the connection with {code}")
        frame: dict[str, Any] = json.loads(text)
        return frame


def _read(answer: HTTPResponse) -> Any:
    """The body of an answer. Raises `StepFailed` with the server's code, or the status."""
    if answer.error is not None and not answer.body:
        raise answer.error
    try:
        found = json.loads(answer.body)
    except ValueError:
        raise StepFailed(f"status {answer.code}", f"status {answer.code}, and no JSON") from None
    if answer.code >= 300:
        error = found.get("error", {}) if isinstance(found, dict) else {}
        reason = str(error.get("code", f"status {answer.code}"))
        raise StepFailed(reason, str(error.get("message", answer.reason)))
    return found


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        raise StartupError(f"--ca {ca}: {getattr(error, 'strerror', None) or error}") from error
