"""A receiver of webhooks in a thread: it outlives the servers that post to it."""

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.servers import free_port

SECRET = "a secret of some length"


class HookReceiver:
    """`seqs` has for each room the seqs that came, in order. Not entered, nothing listens."""

    def __init__(self) -> None:
        self.port = free_port()
        self.seqs: defaultdict[str, list[int]] = defaultdict(list)

    def settings(self, **hook: object) -> dict[str, object]:
        """Settings for a server that posts here, as `ChatServer` takes them."""
        given = {
            "uri": f"http://127.0.0.1:{self.port}/",
            "secret": SECRET,
            "allowed_networks": "127.0.0.0/8",
            "timeout_seconds": 2,
            **hook,
        }
        return {f"plugin__webhooks__outgoing__tickets__{key}": each for key, each in given.items()}

    def first(self, room: str) -> list[int]:
        """Without repeats."""
        return list(dict.fromkeys(self.seqs[room]))

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]
                receiver.seqs[event["room"]].append(event["seq"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
