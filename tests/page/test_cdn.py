"""The page whose files come from another origin: a small server that gets each once and keeps it, as a CDN does."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long

PASSED_ON = (
    "Content-Type",
    "Cache-Control",
    "Access-Control-Allow-Origin",
    "Cross-Origin-Resource-Policy",
)
KEEPS_SCRIPT = """async (port) => {
  const script = document.querySelector("script[type=module]").src;
  return new URL(script).port === String(port) && (await caches.match(script)) !== undefined;
}"""


class Cdn:
    """Gets what is asked from `origin`, the port of a server on loopback, and keeps what may be kept."""

    def __init__(self) -> None:
        self.origin = 0
        self.fetched: list[str] = []
        self.served: list[str] = []
        self._kept: dict[str, tuple[int, dict[str, str], bytes]] = {}
        cdn = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                cdn.served.append(self.path)
                status, headers, body = cdn.get(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path in self._kept:
            return self._kept[path]
        self.fetched.append(path)
        connection = http.client.HTTPConnection("127.0.0.1", self.origin, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        headers = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        found = answer.status, headers, answer.read()
        connection.close()
        if "immutable" in headers.get("Cache-Control", ""):
            self._kept[path] = found
        return found

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def cdn() -> Iterator[Cdn]:
    cdn = Cdn()
    yield cdn
    cdn.stop()


def test_the_page_works_with_files_from_a_cdn(
    person: PersonFactory, cdn: Cdn, tmp_path: Path
) -> None:
    settings = {
        "server.static_url": f"http://127.0.0.1:{cdn.port}/static/",
    }
    server = Server(tmp_path, "memory", settings)
    server.start()
    cdn.origin = server.port
    try:
        aya = person(server, service_workers="allow").sign_up("aya", "Aya")
        aya.create_room("Tea")
        person(server).sign_up("ben", "Ben").join_room("Tea")
        # The browser keeps what came from there, too.
        aya.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        kept = aya.page.evaluate(KEEPS_SCRIPT, cdn.port)
    finally:
        server.stop()
    assert kept
    scripts = [path for path in cdn.served if path.endswith("/joined/app.js")]
    assert len(scripts) == 2 and len(set(scripts)) == 1
    assert sorted(cdn.fetched) == sorted(set(cdn.served))
