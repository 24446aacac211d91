"""A real clamd for tests, whose only signature is of a text; and one that only speaks, as a test wants it."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers import START_SECONDS, free_port
from tests.tools import need_tool

MARKER = b"the-marker-of-a-virus"
NAME = "Test.Marker.UNOFFICIAL"
LARGEST = 2_000_000
CONFIG = """\
Foreground yes
LocalSocket {folder}/clamd.sock
TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {folder}/signatures
StreamMaxLength {largest}
"""


class Clamd:
    """In a folder of its own; listens at `unix` and `tcp`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        port = free_port()
        self.unix, self.tcp = f"unix:{folder}/clamd.sock", f"tcp://127.0.0.1:{port}"
        (folder / "signatures").mkdir()
        (folder / "signatures/test.ndb").write_text(f"Test.Marker:0:*:{MARKER.hex()}\n")
        config = CONFIG.format(folder=folder, port=port, largest=LARGEST)
        (folder / "clamd.conf").write_text(config)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [need_tool("clamd"), "-c", str(self._folder / "clamd.conf")]
        with (self._folder / "clamd.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while "Self checking every" not in (self._folder / "clamd.log").read_text("utf-8"):
            assert self._process.poll() is None and time.monotonic() < end
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(60)
        (self._folder / "clamd.sock").unlink(missing_ok=True)


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def speaking(answer: Answering) -> AsyncIterator[str]:
    """The address of a server that answers each connection so, until it returns."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
