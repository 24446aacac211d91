"""Measures what the firewall costs: processor time of nginx for each request, with and without it.

.venv/bin/python -m tests.operation.waf.cost
"""

import json
import socket
import tempfile
from pathlib import Path

import psutil

from tests.operation.waf.attacks import request
from tests.operation.waf.sink import Sink
from tests.operation.waf.site import HOST, Site

TIMES = 1000
ROOM = "/api/v1/rooms/06h1w46y97wh380z0cja/messages"


def _json(path: str, body: object) -> bytes:
    return _kept(
        request("POST", path, "Content-Type: application/json", body=json.dumps(body).encode())
    )


def _kept(what: bytes) -> bytes:
    return what.replace(b"Connection: close\r\n", b"")


REQUESTS = {
    "GET /api/v1/me": _kept(request("GET", "/api/v1/me", "Cookie: chat_session=06h1w46y.a-b_c")),
    "a message of 20 characters": _json(ROOM, {"client_id": "c-1", "body": "x" * 20}),
    "a message of 8,000 characters": _json(ROOM, {"client_id": "c-1", "body": "あ" * 8000}),
    "GraphQL, five variables": _json(
        "/graphql",
        {
            "query": "mutation M($i: I!) { m(input: $i) { id } }",
            "variables": {"i": dict.fromkeys("abcde", "x")},
        },
    ),
    "a room with 100 members": _json(
        "/api/v1/rooms", {"name": "x", "members": ["06h1w46y97wh380z0cja"] * 100}
    ),
    "a room with 400 members": _json(
        "/api/v1/rooms", {"name": "x", "members": ["06h1w46y97wh380z0cja"] * 400}
    ),
}


def milliseconds(site: Site, what: bytes) -> float:
    """Processor time of nginx for each of TIMES requests on one connection."""
    times = TIMES if len(what) < 2000 or b"members" not in what else TIMES // 50
    main = psutil.Process(int((site.folder / "pid").read_text()))
    [worker] = main.children()
    with (
        socket.create_connection(("127.0.0.1", site.https), timeout=60) as plain,
        site.tls.wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        before = worker.cpu_times()
        for _ in range(times):
            tls.sendall(what)
            received = b""
            while not received.endswith(b"\r\n\r\nok"):
                received += tls.recv(65536)
        after = worker.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1000 / times


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Sink() as sink,
        Site(Path(folder, "with"), sink.port) as guarded,
        Site(Path(folder, "without"), sink.port, firewall=False) as bare,
    ):
        for name, what in REQUESTS.items():
            found = milliseconds(guarded, what), milliseconds(bare, what)
            print(f"{name}: {found[0]:.2f} ms, {found[1]:.2f} ms without")


if __name__ == "__main__":
    main()
