"""The parts that the server relies on in one HTTP request's connection and handler."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import tornado.web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application, RequestHandler, stream_request_body

from tests.canaries.listed import canary
from tests.canaries.test_tornado_streams import LOTS, streaming

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Watcher(HTTPMessageDelegate):
    """Notes the connection's state at each step of a request, and answers at the end of it."""

    def __init__(self, connection: Any, answer: Callable[[Any], None]) -> None:
        self.connection, self._answer = connection, answer
        self.steps: list[tuple[str, bool, bool]] = []

    def _note(self, step: str) -> None:
        one = self.connection
        self.steps.append((step, one._read_finished, one._write_finished))

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert self.connection._request_headers is headers
        self._note("headers")
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._note("body")
        return None

    def finish(self) -> None:
        self._note("finish")
        self._answer(self.connection)
        self._note("answered")


def answer(connection: Any, body: bytes = b"yes") -> None:
    headers = HTTPHeaders({"Content-Length": str(len(body))})
    connection.write_headers(ResponseStartLine("", HTTPStatus.OK, "OK"), headers, body)
    connection.finish()


async def serve(
    request: bytes, kind: Any = HTTP1Connection, answer: Callable[[Any], None] = answer
) -> tuple[bool, Any, Watcher]:
    """Whether another request may follow; the connection; its delegate."""
    async with streaming() as (stream, peer):
        peer.send(request)
        connection = kind(stream, False)
        assert connection._request_headers is None
        delegate = Watcher(connection, answer)
        goes_on = await connection.read_response(delegate)
        return goes_on and not stream.closed(), connection, delegate


@canary(HTTP1Connection, "_read_finished", "_write_finished", "_request_headers", "_pending_write")
async def test_a_connection_tells_how_far_its_request_is() -> None:
    _, connection, watcher = await serve(POST + b"body")
    assert watcher.steps == [
        ("headers", False, False),
        ("body", False, False),
        ("finish", True, False),
        ("answered", True, True),
    ]
    assert connection._pending_write.done()


@canary(HTTP1Connection, "_pending_write")
async def test_a_pending_write_is_done_when_the_socket_has_it_all() -> None:
    async with streaming() as (stream, peer):
        connection: Any = HTTP1Connection(stream, False)
        assert connection._pending_write is None
        connection.write(b"x" * LOTS)
        pending = connection._pending_write
        assert asyncio.isfuture(pending) and not pending.done()
        left = LOTS
        while left:
            left -= len(await asyncio.get_running_loop().sock_recv(peer, 65536))
        await pending


@canary(HTTP1Connection, "_disconnect_on_finish")
async def test_a_connection_goes_on_unless_it_is_told_to_end_with_its_answer() -> None:
    goes_on, connection, _ = await serve(REQUEST)
    assert goes_on and connection._disconnect_on_finish is False
    goes_on, connection, _ = await serve(CLOSE)
    assert not goes_on and connection._disconnect_on_finish is True

    def last(connection: Any) -> None:
        connection._disconnect_on_finish = True
        answer(connection)

    goes_on, _, _ = await serve(REQUEST, answer=last)
    assert not goes_on


@canary(HTTP1Connection, "_disconnect_on_finish", "_read_finished")
async def test_an_answer_before_the_end_of_the_body_ends_the_connection_unless_that_is_undone() -> (
    None
):
    class Early(Watcher):
        undone = False

        def headers_received(self, *given: Any) -> None:
            answer(self.connection)
            assert self.connection._disconnect_on_finish is True
            self.connection._disconnect_on_finish = not self.undone

    class Patient(Early):
        undone = True

    class Waiting(HTTP1Connection):
        """As in chatserver/web/connection.py: the end waits for the rest of the body."""

        def _finish_request(self, future: Any) -> None:
            if self._read_finished:
                super()._finish_request(future)

        def _read_body(self, *given: Any) -> Any:
            return self._all_of(super()._read_body(*given))

        async def _all_of(self, reading: Any) -> None:
            await reading
            self._read_finished = True
            self._finish_request(None)

    for delegate, goes_on in ((Early, False), (Patient, True)):
        async with streaming() as (stream, peer):
            peer.send(POST + b"body")
            connection = Waiting(stream, False)
            read = await connection.read_response(delegate(connection, answer))
            assert (read and not stream.closed()) is goes_on


@canary(HTTP1Connection, "_can_keep_alive", "_finish_request", "_read_body")
async def test_the_steps_of_a_request_can_be_overridden() -> None:
    called: list[tuple[object, ...]] = []

    class Own(HTTP1Connection):
        def _can_keep_alive(self, start_line: Any, headers: HTTPHeaders) -> bool:
            called.append(("keep", start_line.method, super()._can_keep_alive(start_line, headers)))
            return False

        def _read_body(self, code: int, headers: HTTPHeaders, delegate: Any) -> Any:
            reading = super()._read_body(code, headers, delegate)
            called.append(("body", code, reading is None))
            return reading

        def _finish_request(self, future: Any) -> None:
            called.append(("finish", future is None or asyncio.isfuture(future)))
            super()._finish_request(future)

    goes_on, _, _ = await serve(REQUEST, Own)
    assert not goes_on
    assert called == [("keep", "GET", True), ("body", 0, True), ("finish", True)]
    called.clear()
    await serve(POST + b"body", Own)
    assert called[1] == ("body", 0, False)


@canary(HTTP1Connection, "_deliver_body")
async def test_the_parts_of_a_body_can_be_counted() -> None:
    parts: list[int] = []

    class Own(HTTP1Connection):
        async def _deliver_body(self, delegate: Any, data: bytes) -> None:
            parts.append(len(data))
            await super()._deliver_body(delegate, data)

    await serve(POST + b"body", Own)
    assert parts == [4]


@canary(HTTP1Connection, "_can_keep_alive", "_write_finished")
async def test_an_answer_that_has_its_own_head_may_be_written() -> None:
    def ready_made(connection: Any) -> None:
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert not connection._write_finished
        connection.finish()

    goes_on, connection, _ = await serve(REQUEST, answer=ready_made)
    assert goes_on and connection._write_finished


# -- the handler -----------------------------------------------------------------------------------


class Sink:
    """The connection of a handler without a client; it keeps what is sent."""

    def __init__(self) -> None:
        self.head: list[Any] = []
        self.context = SimpleNamespace(remote_ip="127.0.0.1", protocol="http")

    def set_close_callback(self, callback: object) -> None:
        pass

    def write_headers(self, start: object, headers: HTTPHeaders, chunk: object = None) -> Any:
        self.head.append((start, headers, chunk))
        done: asyncio.Future[None] = asyncio.Future()
        done.set_result(None)
        return done

    def finish(self) -> None:
        pass


def handler(kind: Any = RequestHandler) -> Any:
    request = HTTPServerRequest(
        connection=Sink(),  # type: ignore[arg-type]
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "a"}),
    )
    made = kind(Application(), request)
    made._transforms = []
    return made


@canary(RequestHandler, "_headers", "_write_buffer", "_status_code", "_reason")
async def test_clear_resets_nothing_else() -> None:
    """`BaseHandler.clear` replaces Tornado's."""
    made = handler()
    vars(made).clear()
    made.clear()
    assert set(vars(made)) == {"_headers", "_write_buffer", "_status_code", "_reason"}
    assert type(made._headers) is HTTPHeaders
    assert (made._write_buffer, made._status_code, made._reason) == ([], 200, "OK")


@canary(RequestHandler, "_headers", "_write_buffer", "_headers_written", "_finished")
async def test_headers_set_until_the_flush_are_sent() -> None:
    made = handler()
    made._headers = HTTPHeaders({"X-One": "1"})
    made._headers["X-Two"] = "2"
    made.write("body")
    assert made._write_buffer == [b"body"]
    assert not made._headers_written and not made._finished
    made.finish()
    assert made._headers_written and made._finished
    ((start, headers, chunk),) = made.request.connection.head
    assert (start.code, start.reason, chunk) == (200, "OK", b"body")
    assert (headers["X-One"], headers["X-Two"]) == ("1", "2")


@canary(RequestHandler, "_new_cookie")
async def test_a_cookie_waits_beside_the_headers() -> None:
    made = handler()
    assert not hasattr(made, "_new_cookie")
    made.set_cookie("a", "b")
    assert hasattr(made, "_new_cookie")
    assert "Set-Cookie" not in made._headers
    made.finish()
    assert made.request.connection.head[0][1]["Set-Cookie"] == "a=b; Path=/"


@canary(RequestHandler, "_execute")
async def test_one_coroutine_prepares_answers_and_finishes() -> None:
    """`TracedRequest._execute` puts a span around all of it."""
    steps: list[str] = []

    class Own(RequestHandler):
        async def _execute(self, transforms: Any, *args: bytes, **named: bytes) -> None:
            steps.append("begun")
            await super()._execute(transforms, *args, **named)
            steps.append(f"ended with {self.get_status()}")

        def prepare(self) -> None:
            steps.append("prepared")

        async def get(self) -> None:
            steps.append("answered")
            raise ValueError

        def on_finish(self) -> None:
            steps.append("finished")

        def log_exception(self, *error: Any) -> None:
            """It is expected."""

    made = handler(Own)
    await made._execute([])
    assert steps == ["begun", "prepared", "answered", "finished", "ended with 500"]


@canary(RequestHandler, "_break_cycles", "_finished")
async def test_a_handler_that_has_finished_is_told_and_lets_go() -> None:
    """`BaseHandler._finish_at_once` does these steps itself."""
    steps: list[object] = []

    class Own(RequestHandler):
        def on_finish(self) -> None:
            steps.append(("finished", self._finished))

        def _break_cycles(self) -> None:
            steps.append("broken")
            super()._break_cycles()

    made = handler(Own)
    made.finish()
    assert steps == [("finished", True), "broken"]
    assert made.ui is None


@canary(RequestHandler, "_handle_request_exception", "_transforms")
async def test_an_error_of_a_handler_is_handled_once() -> None:
    errors: list[object] = []

    class Own(RequestHandler):
        def get(self) -> None:
            raise KeyError("x")

        def _handle_request_exception(self, error: BaseException) -> None:
            errors.append(error)
            self.send_error(418)

    made = handler(Own)
    transforms: list[Any] = []
    await made._execute(transforms)
    assert made._transforms in (transforms, None), "nothing that a socket needs"
    assert [type(error) for error in errors] == [KeyError]
    assert made.get_status() == 418 and made._finished


@canary(tornado.web, "_HandlerDelegate")
async def test_the_delegate_of_a_request_says_which_handler_it_makes() -> None:
    """`BodiesAfterHeads.find_handler` changes that to one with a streamed body."""

    class Plain(RequestHandler):
        def get(self) -> None:
            self.finish()

    seen: list[bytes] = []

    class Streamed(Plain):
        def data_received(self, chunk: bytes) -> None:
            seen.append(chunk)

    request = handler().request
    found: Any = Application([("/", Plain)]).find_handler(request)
    assert type(found) is tornado.web._HandlerDelegate
    assert (found.handler_class, found.stream_request_body) == (Plain, False)
    found.handler_class, found.stream_request_body = stream_request_body(Streamed), True
    prepared = found.headers_received(RequestStartLine("POST", "/", "HTTP/1.1"), request.headers)
    assert type(found.handler) is Streamed
    await prepared
    found.data_received(b"part")
    assert seen == [b"part"]
    found.finish()
    while not found.handler._finished:
        await asyncio.sleep(0)
