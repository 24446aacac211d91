"""Asks one server for one page, and reads no more of the answer than is wanted."""

import asyncio
import re
import zlib
from typing import NamedTuple

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream

from chatserver_plugins.link_previews.address import Address, Refused

PAGE_BYTES = 512 * 1024  # read of a page, and made of a compressed one
HEAD_BYTES = 32 * 1024  # of the answer's headers
ANY_LENGTH = 1 << 62  # which an answer may announce: the rest is left where it is
REDIRECTS = frozenset((301, 302, 303, 307, 308))
KINDS = frozenset(("text/html", "application/xhtml+xml"))
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)


class Answer(NamedTuple):
    """The beginning of a page in bytes, with the charset that was said with it; or where it is instead."""

    content: bytes = b""
    charset: str = ""
    location: str | None = None


class _Reader(HTTPMessageDelegate):
    """Takes in an answer until there is enough of it."""

    def __init__(self) -> None:
        self.status, self.headers = 0, HTTPHeaders()
        self.content = bytearray()
        self.begun, self.enough = asyncio.Event(), asyncio.Event()

    def headers_received(self, start_line: object, headers: HTTPHeaders) -> None:
        assert isinstance(start_line, ResponseStartLine)
        if start_line.code < 200:
            return  # the answer comes behind it
        self.status, self.headers = start_line.code, headers
        self.begun.set()
        if self.status != 200:
            self.enough.set()

    async def data_received(self, chunk: bytes) -> None:
        self.content += chunk
        if len(self.content) >= PAGE_BYTES:
            self.enough.set()
        if self.enough.is_set():
            await asyncio.Event().wait()  # until reading is cancelled

    def finish(self) -> None:
        self.enough.set()


async def answer(stream: IOStream, address: Address, agent: str, patience: float) -> Answer:
    """The answer of the server at the other end of a stream, which is closed. `patience` are the seconds to its head.

    Raises `Refused` for what is no page, and `TimeoutError`.
    """
    reader = _Reader()
    parameters = HTTP1ConnectionParameters(
        no_keep_alive=True, max_header_size=HEAD_BYTES, max_body_size=ANY_LENGTH
    )
    connection = HTTP1Connection(stream, True, parameters)
    connection.write_headers(RequestStartLine("GET", address.target, ""), _asked(address, agent))
    connection.finish()
    reading = asyncio.ensure_future(connection.read_response(reader))
    try:
        async with asyncio.timeout(patience):
            await _first(reading, reader.begun)
        await _first(reading, reader.enough)
    finally:
        stream.close()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return _judged(reader)


def _asked(address: Address, agent: str) -> HTTPHeaders:
    return HTTPHeaders(
        {
            "Host": address.authority,
            "User-Agent": agent,
            "Accept": "text/html,application/xhtml+xml",
            "Accept-Encoding": "gzip",
            "Connection": "close",
        }
    )


async def _first(reading: "asyncio.Future[bool]", event: asyncio.Event) -> None:
    """Wait until something has happened, or until nothing more is read."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


def _judged(reader: _Reader) -> Answer:
    """Raises `Refused`."""
    if not reader.status:
        raise Refused("answer")
    if reader.status in REDIRECTS and "Location" in reader.headers:
        return Answer(location=reader.headers["Location"])
    if reader.status != 200:
        raise Refused("status")
    kind = reader.headers.get("Content-Type", "")
    if kind.partition(";")[0].strip().lower() not in KINDS:
        raise Refused("kind")
    charset = _CHARSET.search(kind)
    content = _decoded(bytes(reader.content[:PAGE_BYTES]), reader.headers)
    return Answer(content, charset[1] if charset else "")


def _decoded(content: bytes, headers: HTTPHeaders) -> bytes:
    """The page without its compression, cut as well. Raises `Refused`."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        return content
    if coding not in ("gzip", "x-gzip"):
        raise Refused("kind")
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(content, PAGE_BYTES)
    except zlib.error:
        raise Refused("answer") from None
