"""No bytes hide a request behind another one: each is read as RFC 9112 has it, or refused.

The judge is Tornado alone, over the same bytes: where it accepts what it should not, we refuse.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from chatserver.errors import ChatError
from chatserver.web import grammar, short_way
from tests.protocol.client import ANSWER_SECONDS
from tests.protocol.corpus import CASES, Case
from tests.protocol.running import Running

SECONDS = 20.0  # for a request that never ends
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    limits = {"limits.header_seconds": SECONDS, "limits.body_seconds": SECONDS}
    with Running(tmp_path_factory.mktemp("server"), limits) as running:
        yield running
        assert not running.take_errors()


class Anything(RequestHandler):
    """Answers each request that Tornado finds."""

    async def get(self) -> None:
        self.finish()

    post = get

    def write_error(self, status_code: int, **kwargs: object) -> None:
        self.finish()


@asynccontextmanager
async def tornado_alone() -> AsyncIterator[int]:
    """The port of a server that is nothing but Tornado."""
    app = Application([(".*", Anything)], log_function=lambda handler: None)
    alone = HTTPServer(app, idle_connection_timeout=SECONDS, body_timeout=SECONDS)
    listener, port = bind_unused_port()
    alone.add_socket(listener)
    try:
        yield port
    finally:
        alone.stop()
        await alone.close_all_connections()


async def statuses(port: int, *parts: bytes) -> list[int]:
    """The status of each answer, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(ANSWER_SECONDS):
            while data := await reader.read(65536):
                received += data
    except ConnectionResetError:
        pass
    finally:
        writer.close()
    return [int(status) for status in _STATUS.findall(received)]


class Target:
    """A room whose newest page can be read, and its owner."""

    def __init__(self, page: bytes, token: bytes) -> None:
        self._page, self._token = page, token

    def __call__(self, request: bytes) -> bytes:
        auth = b"Authorization: Bearer " + self._token + b"\r\n"
        return request.replace(b"{page}", self._page).replace(b"{auth}", auth)


async def target(server: Running) -> Target:
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "r"})).json()["id"]
    return Target(f"/api/v1/rooms/{room}/messages".encode(), anna.token.encode())


async def test_each_request_is_read_as_it_should_be_or_refused(server: Running) -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 150
    fill = await target(server)

    async def judge(case: Case) -> str | None:
        found = await statuses(server.port, fill(case.request))
        return None if found == case.statuses else f"{case.name}: {found}, not {case.statuses}"

    wrong = [text for text in await asyncio.gather(*map(judge, CASES)) if text]
    assert not wrong, "\n".join(wrong)


async def test_tornado_finds_the_same_requests_or_is_laxer(server: Running) -> None:
    fill = await target(server)
    async with tornado_alone() as port:

        async def judge(case: Case) -> str | None:
            theirs = await statuses(port, fill(case.request))
            ours = await statuses(server.port, fill(case.request))
            accepted = [status for status in theirs if status != 400]
            if case.lax:
                wrong = not accepted or len(accepted) < sum(s < 400 for s in ours)
            elif case.statuses[-1] in (400, 505):
                wrong = len(accepted) != len([s for s in ours if s not in (400, 505)])
            else:
                wrong = len(theirs) != len(ours)
            return f"{case.name}: Tornado {theirs}, we {ours}" if wrong else None

        wrong = [text for text in await asyncio.gather(*map(judge, CASES)) if text]
    assert not wrong, "\n".join(wrong)


CUT = (
    "two", "three", "an empty line between", "names in capitals", "a body with a read",
    "zeros before a length", "absolute form", "chunks that are read",
)  # fmt: skip


@pytest.mark.parametrize("name", CUT)
async def test_it_does_not_matter_where_a_request_is_cut_in_two(server: Running, name: str) -> None:
    (case,) = [case for case in CASES if case.name == name]
    request = (await target(server))(case.request)
    ways = [statuses(server.port, request[:cut], request[cut:]) for cut in range(1, len(request))]
    for found in await asyncio.gather(*ways):
        assert found == case.statuses


async def test_a_request_that_comes_byte_by_byte(server: Running) -> None:
    for case in (CASES[1], next(case for case in CASES if case.name == "a body with a read")):
        request = (await target(server))(case.request)
        parts = [request[at : at + 1] for at in range(len(request))]
        assert await statuses(server.port, *parts) == case.statuses


def test_the_short_way_knows_a_part_of_the_grammar_alone() -> None:
    """So it may look at a head first."""
    fill = Target(b"/api/v1/rooms/0a/messages", b"token")
    heads = [fill(case.request).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for case in CASES]
    line, post = b"GET /api/v1/rooms/0a/messages HTTP/1.1\r\n", b"POST /graphql HTTP/1.1\r\n"
    hosts = [
        b"x",
        b"x:1",
        b"[::1]:1",
        b"x:",
        b"x:port",
        b"",
        b"[::1",
        b"x:1:2",
        b"a_b",
        b"a,b",
        b"x:123456",
    ]
    heads += [each + b"Host: " + host + b"\r\n\r\n" for host in hosts for each in (line, post)]
    lengths = [b"", b"0", b"07", b"7", b"7, 7", b"+7", b"-7", b"0x7", b"7 ", b"7" * 9, b"7" * 30]
    heads += [post + b"Host: x\r\nContent-Length: " + each + b"\r\n\r\n" for each in lengths]
    # A byte that is none of the grammar's, at each place of a head that is read.
    fields = b"Host: x\r\nAuthorization: Bearer t\r\nAccept: a b\r\n\r\n"
    heads += [
        whole[:at] + odd + whole[at + 1 :]
        for whole in (
            line + fields,
            b"GET /api/v1/rooms HTTP/1.1\r\n" + fields,
            post + b"Content-Length: 7\r\nContent-Type: a/b\r\n" + fields,
        )
        for at in range(len(whole))
        for odd in (b"\r", b"\n", b"\0", b"\x0b", b"\t", b" ", b":", b"\xe9", b"")
    ]
    for grammars in (short_way._READ, short_way._POST):
        known = [(head, found) for head in heads if (found := grammars.fullmatch(head))]
        assert len(known) > 20
        for head, found in known:
            names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")]
            if names.count(b"host") == 1 and names.count(b"content-length") < 2:
                length = int(found.groupdict().get("length") or 0)
                assert grammar.check(head).length == length


def test_a_malformed_head_is_recognised_before_its_end() -> None:
    for part in (b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: x\n", b"GET /\rX", b"GET /\0"):
        assert grammar.is_torn(part)
        for cut in range(1, len(part)):
            assert grammar.is_torn(part, cut - 1) == (cut <= len(part))
    for whole in (b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r", b"\r\nGET"):
        assert not grammar.is_torn(whole)


@pytest.mark.parametrize("fields, code", [(100, None), (101, "request.header_too_large")])
def test_a_head_has_so_many_fields(fields: int, code: str | None) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * (fields - 1) + b"\r\n"
    if code is None:
        assert grammar.check(head).length == 0
        return
    with pytest.raises(ChatError) as raised:
        grammar.check(head)
    assert raised.value.code == code
