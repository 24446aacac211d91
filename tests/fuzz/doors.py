"""Each door of the server, attacked by one case at a time: HTTP, raw bytes, WebSocket, GraphQL, command line."""

import asyncio
import json
import os
import socket as stream_socket
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx

from tests.fuzz import documents, values
from tests.fuzz.findings import Findings
from tests.protocol.test_bad_frames import VALID
from tests.protocol.test_hostile_values import HTTP
from tests.transport.ws_client import HANDSHAKE, Client, frame, text

ANSWER_SECONDS = 30  # for one answer, on a busy machine
COMMAND_SECONDS = 120
HEADERS = (
    *(
        "Accept",
        "Authorization",
        "Connection",
        "Content-Length",
        "Content-Type",
        "Cookie",
        "Expect",
        "Host",
    ),
    *(
        "If-None-Match",
        "Origin",
        "Range",
        "Sec-WebSocket-Key",
        "Transfer-Encoding",
        "Upgrade",
        "X-Request-Id",
    ),
    *(
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "Accept-Encoding",
        "Content-Encoding",
        "Forwarded",
        "TE",
        "Trailer",
    ),
)
COMMANDS = (
    *(
        "check",
        "config",
        "plugins",
        "user list",
        "user add",
        "user role",
        "user password",
        "jobs",
        "migrate",
    ),
    *(
        "backup",
        "backup list",
        "backup verify",
        "restore",
        "export",
        "import",
        "move",
        "consumers list",
    ),
    *(
        "consumers dead",
        "consumers retry",
        "consumers discard",
        "user lock",
        "user unlock",
        "user rename",
    ),
)

OPERATIONS = [name for name in VALID if name != "auth"]


class Target:
    """The server, an account that attacks it, and ids that exist there."""

    def __init__(
        self, url: str, port: int, token: str, room: str, message: str, folder: Path
    ) -> None:
        self.url, self.port, self.token = url, port, token
        self.room, self.message, self.folder = room, message, folder

    @property
    def knowns(self) -> list[str]:
        return [self.room, self.message, self.token, "anna", "cursor"]


async def http(target: Target, rng: Random, found: Findings, client: httpx.AsyncClient) -> None:
    """A request that the server knows, with some of its values replaced."""
    method, path, body = rng.choice(HTTP)
    given = values.text(rng).encode("utf-8", "replace").decode()
    filled = path.replace("{room}", target.room).replace("{message}", target.message)
    address = target.url + filled.replace("{text}", quote(given, safe=""))
    headers = {"Content-Type": "application/json"}
    if rng.random() < 0.9:
        headers["Authorization"] = f"Bearer {target.token}"
    content = values.encoded(rng, values.mutated(rng, body, target.knowns)) if body else None
    try:
        answer = await client.request(method, address[:8000], content=content, headers=headers)
    except httpx.InvalidURL:
        return
    found.answered("http", answer.status_code, answer.content, (method, address, content))


async def raw(target: Target, rng: Random, found: Findings) -> None:
    """Bytes that look like HTTP, or like nothing. Some answer, or the end, must come."""
    sent = _bytes(target, rng)
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        writer.write(sent)
        await writer.drain()
        writer.write_eof()
        data = await asyncio.wait_for(reader.read(1 << 20), ANSWER_SECONDS)
        if data.startswith(b"HTTP/1.1 "):
            found.answered("raw", int(data[9:12]), data, sent)
    except TimeoutError:
        found.note("raw: no answer", repr(sent[:600]))
    except OSError:
        found.answers["raw cut off"] += 1
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _bytes(target: Target, rng: Random) -> bytes:
    path = rng.choice(
        (
            "/",
            "/health",
            "/api/v1/me",
            f"/api/v1/rooms/{target.room}/messages",
            "/graphql",
            "/ws",
            "*",
            "//",
            "/" + "a" * 20000,
        )
    )
    lines = [
        f"{rng.choice(('GET', 'POST', 'HEAD', 'OPTIONS', 'TRACE', 'get', ''))} {path} {rng.choice(('HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', ''))}"
    ]
    lines += ["Host: localhost"] * rng.choice((0, 1, 1, 1, 2))
    lines += [f"Authorization: Bearer {target.token}"] * (rng.random() < 0.7)
    for _ in range(rng.randrange(5)):
        lines.append(
            f"{rng.choice(HEADERS)}{rng.choice((':', ': ', ' :', ''))}{rng.choice(('5', '0', 'chunked', 'close', 'websocket', 'bytes=0-', values.text(rng)))}"
        )
    data = (
        rng.choice(("\r\n", "\r\n", "\r\n", "\n", "\r"))
        .join([*lines, "", ""])
        .encode("utf-8", "replace")
    )
    if rng.random() < 0.3:
        data += values.encoded(rng, values.value(rng))
    if rng.random() < 0.2:
        place = rng.randrange(len(data))
        data = data[:place] + os.urandom(rng.randrange(20)) + data[place:]
    return data * rng.choice((1, 1, 1, 30))


async def socket(target: Target, rng: Random, found: Findings) -> None:
    """A connection of chat.v1 that sends operations, some of them hostile, and invalid frames."""
    with suppress(EOFError, ConnectionError, AssertionError):
        bearer = f"Authorization: Bearer {target.token}\r\n"
        guest = await _connected(target.port, "/ws", "Sec-WebSocket-Protocol: chat.v1\r\n" + bearer)
        sent: list[bytes] = []
        for _ in range(rng.randrange(1, 30)):
            name = rng.choice(OPERATIONS)
            given = {
                "op": name,
                **VALID[name],
                "id": values.value(rng) if rng.random() < 0.1 else rng.randrange(99),
            }
            if "room" in given:
                given["room"] = target.room
            sent.append(values.encoded(rng, values.mutated(rng, given, target.knowns)))
            if rng.random() < 0.03:
                await guest.send(
                    frame(rng.randrange(256), os.urandom(rng.randrange(200)), rng.random() < 0.8)
                )
            else:
                await guest.send(frame(0x81, sent[-1]))
        await guest.send(text('{"id": 424242, "op": "ping"}'))
        while True:
            first, payload = await asyncio.wait_for(guest.receive(), ANSWER_SECONDS)
            found.said("socket", payload, sent)
            if first == 0x88 or b'"re":424242' in payload.replace(b" ", b""):
                break
        guest.drop()


async def graphql(target: Target, rng: Random, found: Findings, client: httpx.AsyncClient) -> None:
    """A document over HTTP; now and then as server-sent events, or without an account."""
    given = documents.request(rng, target.knowns)
    headers = {
        "Content-Type": "application/json",
        "Accept": rng.choice(
            ("application/json", "application/graphql-response+json", "*/*", values.word(rng))
        ),
    }
    if rng.random() < 0.85:
        headers["Authorization"] = f"Bearer {target.token}"
    content = values.encoded(rng, given)
    answer = await client.post(target.url + "/graphql", content=content, headers=headers)
    found.answered("graphql", answer.status_code, answer.content, given)


async def graphql_socket(target: Target, rng: Random, found: Findings) -> None:
    """Documents over graphql-transport-ws."""
    with suppress(EOFError, ConnectionError, AssertionError):
        subprotocol = "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
        client = await _connected(target.port, "/graphql", subprotocol)
        await client.send(
            text(json.dumps({"type": "connection_init", "payload": {"token": target.token}}))
        )
        sent: list[Any] = []
        for number in range(rng.randrange(1, 12)):
            payload = {"query": documents.document(rng, target.knowns)}
            sent.append({"id": str(number), "type": "subscribe", "payload": payload})
            if rng.random() < 0.2:
                sent[-1] = values.mutated(rng, sent[-1], target.knowns)
            await client.send(frame(0x81, values.encoded(rng, sent[-1])))
        await client.send(text(json.dumps({"type": "ping"})))
        while True:
            first, payload = await asyncio.wait_for(client.receive(), ANSWER_SECONDS)
            found.said("graphql socket", payload, sent)
            if first == 0x88 or b'"pong"' in payload:
                break
        client.drop()


async def _connected(port: int, path: str, headers: str) -> Client:
    """A WebSocket at `path`, shaken hands. Raises `EOFError` if the server refuses."""
    sock = stream_socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    client = Client(sock)
    await client.send((HANDSHAKE.replace("/ws", path) + headers + "\r\n").encode())
    if not await client.upgraded():
        client.drop()
        raise EOFError
    return client


async def command(target: Target, rng: Random, found: Findings) -> None:
    """A command of `chatserver` with odd arguments, in a folder of its own. It may refuse, not crash."""
    words = rng.choice(COMMANDS).split()
    for _ in range(rng.randrange(4)):
        odd = values.text(rng).replace("\0", "").encode("utf-8", "replace").decode()[:500]
        words.append(
            rng.choice(
                (
                    odd,
                    f"--set={odd}",
                    "--set=server.port=" + odd,
                    "--json",
                    "-c",
                    "--help",
                    "--to",
                    "--from",
                    "--at",
                )
            )
        )
    # Secrets are asked for on standard input.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatserver", *words),
        cwd=target.folder,
        env={**os.environ, "CHATSERVER_PLUGINS__ENABLED": "sqlite,password"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    except TimeoutError:
        process.kill()
        found.note("command: no end", repr(words))
        return
    if b"Traceback (most recent" in output or process.returncode not in (0, 1, 2):
        last = output.strip().splitlines()[-1:] or [b""]
        found.note(
            f"command: {last[0][:100]!r}",
            f"{words!r} -> {process.returncode}\n{output[-3000:].decode(errors='replace')}",
        )
