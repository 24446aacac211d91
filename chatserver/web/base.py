"""The base of all HTTP handlers: credentials, JSON in and out, errors, metrics, headers."""

import gzip
from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

import msgspec
from loguru import logger
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from chatserver.errors import ChatError
from chatserver.hooks import door
from chatserver.logging import request_id
from chatserver.model import Scope, User
from chatserver.protocol import error_body
from chatserver.service.service import Service
from chatserver.web.access import Access, bearer_token, cookie_token, session_cookies
from chatserver.web.connection import Connection, Outcome
from chatserver.web.gate import Gate
from chatserver.web.packing import GZIP, takes
from chatserver.web.response_heads import (
    DEFAULT_HEADERS,
    JSON,
    JSON_HEADERS,
    ErrorReply,
    http_date,
    identified,
    usual_answer,
)

BodyT = TypeVar("BodyT")
encode = msgspec.json.encode

_CODES = {
    400: "request.invalid",
    404: "request.not_found",
    405: "request.method",
    413: "request.too_large",
}

PACKED_BYTES = 2000  # of a list that is packed for browsers …
PACKED_LEVEL = 1  # … in half a millisecond for 100 rooms, to a tenth
LANGUAGE_CHARS = 100  # of Accept-Language
LOOKED_FOR_CHARS = (
    100  # of a text that rooms or members are looked for by, as in `protocol.LookedFor`
)
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "X-Request-Id",
)  # that pages of allowed origins may send
PREFLIGHT_SECONDS = 600  # browsers remember the answer so long, and use changed settings only then


class BaseHandler(RequestHandler):
    """A request to this server. Subclasses translate: parse, call the service, reply."""

    route = "?"  # the pattern, for metrics; never the path itself
    answers_any_host = False  # true for addresses that orchestrators ask by IP address
    # Checked by the head of a request with a body, before any of the body is read:
    show_error: ClassVar[Callable[[ChatError], bytes] | None] = (
        None  # the form of errors, if not JSON's
    )
    json_methods: ClassVar[frozenset[str]] = frozenset()  # methods whose body has to be JSON
    needs_user = False  # answer only signed-in users
    most_bytes: ClassVar[int | None] = None  # of a body; None is limits.http_body_bytes
    open_bytes: ClassVar[int | None] = None  # of a body before sign-in; more needs a session
    # That a bot's token must be for, by method; of a tuple one is enough.
    scopes: ClassVar[Mapping[str, Scope | tuple[Scope, ...]]] = {}
    streams_body = False  # the handler is called before the body is read
    # Further headers that a page of an allowed origin may send, and read.
    request_headers: ClassVar[Sequence[str]] = ()
    reply_headers: ClassVar[Sequence[str]] = ()
    answers_any_origin = False  # also requests other than GET from pages of other origins
    has_body = False  # true in the subclass that `bodies.py` makes for requests with a body

    def initialize(self, gate: Gate) -> None:
        self.gate = gate
        self.service: Service = gate.service
        self.access: Access = gate.access
        outcome = self.outcome
        given = self.request.headers.get("X-Request-Id", "")
        self.request_id = identified(given) if outcome is None else outcome.request_id
        self.asker: str | None = None  # the id of the user who asks, once it is known
        self.answered_after: float | None = None  # seconds until a streamed answer began
        self._user: User | None = None
        self._received: bytearray | None = None

    def prepare(self) -> Awaitable[None] | None:
        self.admit()
        return self.admit_body() if self.has_body else None

    def admit(self) -> None:
        """Refuse a request for anything in its head. Raises `ChatError`."""
        request_id.set(self.request_id)
        door.enter(door.HTTP)
        if self.outcome is not None:
            return  # the request was admitted, and counted, on the short way
        self.access.warn_of_proxy(self.request)
        if not self.answers_host(self.request.host):
            raise ChatError("request.host")
        if self.gate.draining and not self.answers_while_draining:
            raise ChatError("server.draining", after_ms=1000)
        self.gate.check_rate(self.address)
        is_reading = self.request.method in ("GET", "HEAD") or self.answers_any_origin
        if not is_reading and self.access.is_foreign(self.request):
            raise ChatError("request.origin")

    async def admit_body(self) -> None:
        """Check the body that the head announces before it is read. Raises `ChatError` to refuse it."""
        method = self.request.method or ""
        if getattr(type(self), method.lower(), None) in (
            None,
            getattr(RequestHandler, method.lower()),
        ):
            raise ChatError("request.method")
        size = int(self.request.headers.get("Content-Length", "0"))
        if size > self._body_limit:
            raise ChatError("request.too_large")
        if method in self.json_methods:
            self._check_media_type()
        if self.needs_user or (self.open_bytes is not None and size > self.open_bytes):
            await self.user()

    @property
    def language(self) -> str:
        """The languages of the client, for the texts of mails."""
        return str(self.request.headers.get("Accept-Language", ""))[:LANGUAGE_CHARS]

    @property
    def _body_limit(self) -> int:
        usual, own = self.gate.config.limits.http_body_bytes, self.most_bytes
        if own is None:
            return usual
        return own if self.streams_body else min(usual, own)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep a part of the body, up to the limit."""
        if self._finished:
            return None
        received = self._received = self._received or bytearray()
        if len(received) + len(chunk) > self._read_limit():
            received.clear()
            self._refuse_body()
        else:
            received += chunk
        return None

    def _read_limit(self) -> int:
        """Bytes of the body to read at most; chunked bodies do not announce their length."""
        if self.open_bytes is None or self._user is not None:
            return self._body_limit
        return min(self._body_limit, self.open_bytes)

    def _refuse_body(self) -> None:
        over = self._body_limit == self._read_limit()
        error = ChatError("request.too_large" if over else "auth.required")
        self.send_error(error.meaning.status, exc_info=(ChatError, error, None))

    def take_body(self) -> None:
        """Put the complete body into the request, where handlers read it."""
        if self._received is not None:
            self.request.body = bytes(self._received)
            self._received = None

    def answers_host(self, host: str) -> bool:
        anyone = self.answers_any_host or self.application.settings["inside"]
        return anyone or self.access.is_own_host(host)

    def is_inside(self) -> bool:
        """Whether to show metrics and details: at the listener for operators, and to their networks."""
        return self.application.settings["inside"] or self.access.is_internal(self.request)

    answers_while_draining = False

    def clear(self) -> None:
        """Like Tornado's, but the headers that all answers have are added when one is sent."""
        self._headers = HTTPHeaders()
        self._write_buffer = []
        self._status_code, self._reason = 200, "OK"

    def flush(self, include_footers: bool = False) -> "Future[None]":
        if not self._headers_written:
            is_json = self._headers.get("Content-Type") == JSON
            for name, value in (JSON_HEADERS if is_json else DEFAULT_HEADERS).items():
                self._headers.setdefault(name, value)
            crossing = self.access.cross_origin(self.request, self.reply_headers)
            for name, value in crossing.items():
                own = self._headers.get(name) if name == "Vary" else None
                self._headers[name] = f"{own}, {value}" if own else value
            if self.gate.security and self.access.is_secure(self.request):
                self._headers["Strict-Transport-Security"] = self.gate.security
            self._headers["X-Request-Id"] = self.request_id
            self._headers["Date"] = http_date()
        return super().flush(include_footers)

    def compute_etag(self) -> None:
        """No ETag by default, as answers must not be stored; handlers of files set their own."""

    @property
    def outcome(self) -> Outcome | None:
        """What the request came to on the short way, to be given as the answer."""
        return cast(Connection, self.request.connection).outcome

    @property
    def address(self) -> str:
        return self.access.address(self.request)

    @property
    def token(self) -> str | None:
        return bearer_token(self.request) or cookie_token(self.request)

    @property
    def scope(self) -> Scope | tuple[Scope, ...] | None:
        """What a bot's token must be for, to make this request; None if it is for people alone."""
        method = self.request.method or ""
        return self.scopes.get("get" if method == "HEAD" else method.lower())

    async def user(self) -> User:
        """The signed-in user; counts one operation.

        Raises `ChatError` auth.required, auth.invalid, auth.scope, limit.rate.
        """
        if self._user is None:
            if self.outcome is not None and isinstance(self.outcome.result, Exception):
                raise self.outcome.result
            self._user = await self.service.signed_in(self.token, self.address, self.scope)
            self.asker = self._user.id
        return self._user

    async def head(self, *path: str, **parameters: str) -> None:
        """Like GET; Tornado leaves the body out."""
        if "GET" not in self._methods():
            raise ChatError("request.method")
        answered = self.get(*path, **parameters)
        if answered is not None:
            await answered

    async def options(self, *path: str, **parameters: str) -> None:
        """Answer the preflight of a page of an allowed origin; others are refused."""
        if not self.access.may_cross(self.request):
            raise ChatError("request.method")
        self.set_status(204)
        self.set_header("Access-Control-Allow-Methods", ", ".join(self._methods()))
        allowed = (*REQUEST_HEADERS, *self.request_headers)
        self.set_header("Access-Control-Allow-Headers", ", ".join(allowed))
        self.set_header("Access-Control-Max-Age", str(PREFLIGHT_SECONDS))
        self.finish()

    def give_cookie(self, token: str) -> None:
        """Have a browser keep the session."""
        self._set_cookies(token, int(self.service.accounts.session_seconds()))

    def take_cookie(self) -> None:
        """Have a browser that has a session forget it."""
        if cookie_token(self.request):
            self._set_cookies("", 0)

    def _set_cookies(self, token: str, seconds: int) -> None:
        secure = self.access.is_secure(self.request)
        for value in session_cookies(token, seconds, secure=secure):
            self.add_header("Set-Cookie", value)

    def body(self, kind: type[BodyT]) -> BodyT:
        """The JSON body as `kind`. Raises `ChatError` request.invalid, request.media_type."""
        self._check_media_type()
        try:
            return msgspec.json.decode(self.request.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error

    def _check_media_type(self) -> None:
        media_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise ChatError("request.media_type")

    def number(self, name: str, default: int | None, low: int = 0, high: int = 2**53) -> Any:
        """A whole number of the query string."""
        text = self.get_query_argument(name, None)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text[:17]) <= high:
            raise ChatError("request.invalid", f"{name}: expected a whole number from {low} on.")
        return int(text[:17])

    def looked_for(self, most: int = LOOKED_FOR_CHARS) -> str:
        """The text of the query string that is looked for, of at most so many characters; "" without one."""
        text = self.get_query_argument("text", "")
        if len(text) > most:
            raise ChatError("request.invalid", f"text: expected at most {most} characters.")
        return text

    def reply(self, answer: object, status: int = 200) -> None:
        self.reply_encoded(encode(answer), status)

    def reply_encoded(self, answer: bytes, status: int = 200) -> None:
        if status == 200 and self._is_usual():
            self._finish_at_once(answer)
            return
        self.set_status(status)
        self._headers["Content-Type"] = JSON
        self.finish(answer)

    def reply_packed(self, answer: object) -> None:
        """Reply with something long, in fewer bytes to a browser. Nothing in it may be a secret of the server."""
        encoded = encode(answer)
        is_browser = bool(cookie_token(self.request))
        packs = is_browser and takes(GZIP, self.request.headers.get("Accept-Encoding", ""))
        if len(encoded) < PACKED_BYTES or not packs:
            self.reply_encoded(encoded)
            return
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("Content-Encoding", GZIP)
        self.reply_encoded(gzip.compress(encoded, PACKED_LEVEL, mtime=0))

    def _is_usual(self) -> bool:
        """Whether an answer with status 200 can have the ready-made head."""
        request = self.request
        connection: Any = request.connection
        return (
            request.method in ("GET", "POST")
            and request.version == "HTTP/1.1"
            and not self.gate.leaving
            and connection._read_finished  # else what happens to the rest of the body is decided with the head
            and not connection._disconnect_on_finish
            and not self._headers
            and not self.access.cross_origin(request)
            and not hasattr(self, "_new_cookie")
        )

    def _finish_at_once(self, body: bytes, content_type: str = JSON) -> None:
        """Like `finish`, for an answer with the ready-made head (`HTTP1Connection.write`)."""
        secure = self.gate.security and self.access.is_secure(self.request)
        security = self.gate.security if secure else ""
        connection: Any = self.request.connection
        connection.set_close_callback(None)
        connection.write(usual_answer(body, self.request_id, security, content_type))
        connection.finish()
        self._finished = True
        self.on_finish()
        self._break_cycles()

    # -- errors and measures -----------------------------------------------------------------------

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if not isinstance(error, ChatError):
            code = _CODES.get(
                status_code, "request.invalid" if status_code < 500 else "server.internal"
            )
            error = ChatError(code)
        if error.code == "request.method":
            self.set_header("Allow", ", ".join(self._methods()))
        if error.after_ms is not None or error.meaning.status == 429:
            self.set_header("Retry-After", str(max(1, -(-(error.after_ms or 1000) // 1000))))
        form = type(self).show_error
        shown = encode(ErrorReply(error_body(error))) if form is None else form(error)
        self.reply_encoded(shown, error.meaning.status)

    def _methods(self) -> list[str]:
        """The methods that this address answers."""
        own = type(self)
        found = [
            name
            for name in self.SUPPORTED_METHODS
            if getattr(own, name.lower()) is not getattr(RequestHandler, name.lower())
            and name != "OPTIONS"
        ]
        return [name for name in found if name != "HEAD" or "GET" in found]

    def _handle_request_exception(self, error: BaseException) -> None:
        if isinstance(error, ChatError) and not self._finished:
            self.send_error(error.meaning.status, exc_info=(type(error), error, None))
        else:
            super()._handle_request_exception(error)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, HTTPError | ChatError | StreamClosedError):
            logger.debug("{} {}: {}", self.request.method, self.route, value)
        else:
            logger.opt(exception=(typ, value, tb)).error(
                "{} {} failed", self.request.method, self.route
            )

    def on_finish(self) -> None:
        method = self.request.method or "?"
        status = self.get_status()
        if status >= 500:
            logger.warning("{} {} answered {}", method, self.route, status)
        else:
            logger.debug("{} {} answered {}", method, self.route, status)
        seconds = self.request.request_time() + cast(Connection, self.request.connection).before
        known = method if method in METHODS else "?"
        # A stream may last for days, which is no slow answer.
        answered = seconds if self.answered_after is None else self.answered_after
        self.gate.http_seconds.add(answered, (known, self.route, str(status)))
        if self.gate.config.logging.access:
            sent = getattr(self.request.connection, "sent", 0)
            self.gate.access_line(
                known, self.route, status, seconds, self.address, bytes=sent, user=self.asker
            )


METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class NotFound(BaseHandler):
    """Answers requests for addresses that do not exist."""

    def admit(self) -> None:
        super().admit()
        raise ChatError("request.not_found")
