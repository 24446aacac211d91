"""What hooks take and give: small frozen structs, so that a new field breaks no plugin."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec

from chatserver.errors import CLOSE_INTERNAL, ChatError
from chatserver.interfaces import Records
from chatserver.measure import Measures
from chatserver.model import AnyEvent, ServerRole, User

if TYPE_CHECKING:
    from chatserver.service import Service


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a plugin's settings: `class Config(chatserver.Settings)` on the plugin class.

    Each field is `Annotated[type, msgspec.Meta(description="…")]`; bounds in Meta are checked. A
    field name that ends in `password`, `secret`, `token`, `key` or `uri` is never shown.
    """


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way in. `message` is the id where it edits one, else None."""

    room: str
    body: str
    reply_to: str | None = None
    message: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why a message may not pass; the author sees the reason."""

    reason: str


Outcome: TypeAlias = Literal["ok", "wrong", "locked", "limited"]


class LoginAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody tried to sign in. `user` is the id, or None where there is no such account.

    `outcome` says why not: a wrong password or name, a locked account (the password was right), or too
    many failures before. Of the last, one for each account and network is told a minute; `times` says
    how many came since the one before.
    """

    user: str | None
    address: str
    ok: bool
    outcome: Outcome = "ok"
    times: int = 1


Deed: TypeAlias = Literal[
    "registered",
    "added",
    "signed_out",
    "sessions_ended",
    "password",
    "role",
    "locked",
    "unlocked",
    "renamed",
    "deleted",
]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something to an account: a user, from an address, or an operator.

    `operator` is who runs a command on the machine, by the name that the system knows them by. Nothing
    is set where the server acts by itself.
    """

    user: str | None = None
    address: str | None = None
    operator: str | None = None


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """Something became of the account `user`: made, changed, deleted, or its sessions ended.

    `role` is its role from now on where one was given, `was` the one before.
    """

    what: Deed
    user: str
    by: Actor
    role: ServerRole | None = None
    was: ServerRole | None = None


Sight: TypeAlias = Literal["rooms", "room", "events", "members", "users", "user", "sessions"]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the staff looked through the data, past the rights that rooms have.

    `user` and `address` are whose look it was; `room` and `of`, a user, what it was at, by id.
    """

    user: str
    address: str
    what: Sight
    room: str | None = None
    of: str | None = None


class HealthCheck(msgspec.Struct, frozen=True):
    """One line of GET /health. `check` returns further values to show, or raises."""

    name: str
    check: Callable[[], Awaitable[Mapping[str, Any]]]


class Request(Protocol):
    """What a plugin's route sees of an HTTP request.

    It may be kept as long as the answer or the socket needs it, but holds all the headers: of a
    socket that lives for days, keep what you need of it.
    """

    @property
    def method(self) -> str:
        """`GET`, also where the client asks for the head of the answer alone."""

    @property
    def path(self) -> str: ...

    @property
    def address(self) -> str:
        """Of the client, as far as trusted proxies tell."""

    @property
    def body(self) -> bytes:
        """Empty where the request has none; of `limits.http_body_bytes` at most."""

    @property
    def query(self) -> Mapping[str, str]:
        """The query string, decoded; of equal names the last one counts.

        Raises `ChatError` request.invalid if it is no UTF-8.
        """

    @property
    def token(self) -> str | None:
        """Of the session: the bearer header's, else the cookie's. Whether it is one is not checked."""

    @property
    def has_cookie(self) -> bool:
        """The token came by the cookie, which a browser sends whoever made the request."""

    @property
    def is_foreign(self) -> bool:
        """The request comes from a page of another origin. Only GET gets as far as a plugin."""

    def header(self, name: str) -> str | None:
        """The value of a header, whose name is in any case; None if it is not there."""

    async def user(self) -> User:
        """Who is asking; counts one of the user's operations.

        Raises `ChatError` auth.required, auth.invalid, limit.rate, store.unavailable.
        """


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin's route answers.

    A body that is an async iterator is streamed: each part is sent before the next one is asked
    for, and must be taken by the client within `limits.slow_seconds`. When the client goes away or
    the server stops, the iterator is cancelled where it waits, and its `aclose` awaited.

    `session` is a session token that a browser is to keep, as after `POST /api/v1/login`; if it is
    empty, a browser that has one is to forget it.
    """

    body: bytes | AsyncIterator[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    session: str | None = None


class Socket(Protocol):
    """A WebSocket connection as a plugin sees it.

    Who leaves more than `limits.buffer_hard_bytes` unread, or more than `limits.buffer_soft_bytes`
    for `limits.slow_seconds`, is closed with 4408.
    """

    on_drained: Callable[[], None] | None  # to be set; called when `buffered` is back at 0

    @property
    def buffered(self) -> int:
        """Bytes that wait because the peer does not read. At 0 again, `on_drained()` is called."""

    def send(self, frames: bytes) -> None:
        """Send complete frames (`chatserver.text_frame`), now or as soon as the peer reads.

        Never raises; what is sent to a closed connection is dropped.
        """

    def close(self, code: int, reason: str) -> None:
        """Close after what is buffered. `SocketEnd.on_close` is called once the peer has agreed."""

    def pause_reading(self) -> None:
        """Take no more from the client: what it sends then waits there."""

    def resume_reading(self) -> None: ...


class SocketEnd(Protocol):
    """The plugin's end of a WebSocket connection. What it raises closes this socket with 4400."""

    def on_text(self, payload: bytes) -> None:
        """A text message, valid UTF-8, of `limits.frame_bytes` at most."""

    def on_binary(self, payload: bytes) -> None:
        """A binary message."""

    def on_close(self, code: int | None, reason: str | None) -> None:
        """The connection is gone. Called once: with the code of who closed first, None if it broke."""

    def on_drain(self, after_ms: int) -> None:
        """The server stops: the socket is closed with 4301 within so many milliseconds."""

    async def settle(self) -> None:
        """Return when all that was received is answered.

        Awaited before the close with 4301, when nothing more is read, for `delivery.append_seconds`
        at most.
        """


class SocketDoor(msgspec.Struct, frozen=True, kw_only=True):
    """WebSocket upgrades at a route. `open` is called once the connection stands.

    A client that offers none of `subprotocols` is closed with the code `no_subprotocol`; without
    any, none is looked for. Where the plugin fails, a client is closed with `failed`. Origins,
    limits, heartbeat and drain are those of `/ws`.
    """

    subprotocols: tuple[str, ...] = ()
    open: Callable[[Request, Socket], SocketEnd]
    no_subprotocol: int = 4406
    failed: int = CLOSE_INTERNAL


Handler = Callable[[Request], Awaitable[Reply]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP address of a plugin: an exact path, what answers each method, and upgrades.

    HEAD is answered as GET. A request from a page of another origin is refused unless it is a GET.
    With `every_node` it is there also on nodes that take no connections (`server.roles`). With
    `internal` it is for operators alone: at the listener for them (`server.internal_port`), and for who
    asks straight from `server.internal_networks`; to others there is nothing.

    `body_bytes` is the largest body that is read, if it is to be below `limits.http_body_bytes`.
    Before more than 65,536 bytes are read, the request has to carry a valid session.

    `show_error` makes the JSON body of an answer that is an error, also where the server refuses a
    request itself.
    """

    path: str
    get: Handler | None = None
    post: Handler | None = None
    put: Handler | None = None
    patch: Handler | None = None
    delete: Handler | None = None
    socket: SocketDoor | None = None
    every_node: bool = False
    internal: bool = False
    body_bytes: int | None = None
    show_error: Callable[[ChatError], bytes] | None = None

    @property
    def handlers(self) -> dict[str, Handler]:
        """By the method's name in small letters."""
        found = {name: getattr(self, name) for name in ("get", "post", "put", "patch", "delete")}
        return {name: handler for name, handler in found.items() if handler is not None}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is done again and again, on one node at a time.

    `name` begins with the plugin's. `run` is called `every` so many seconds, counted from the
    beginning of one run to that of the next, and has `deadline` seconds. It may be cancelled at
    any time, and must stand being run again after that.
    """

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    deadline: float = 60.0


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A durable reader of all rooms' logs, on one node at a time.

    `handle` gets events of one room, ascending, `batch` at most, and those of another room only in
    another call; `rooms_at_once` calls may run at the same time. Each event comes at least once:
    again after an error, after a crash, after a move to another node. `kinds` (such as
    `message.posted`) and `rooms` (ids) say which; empty means all. `start` is where it begins the
    first time, and in rooms that `rooms` did not name before: with what happens from now on, or
    with the first event.

    What `handle` raises, or more than `deadline` seconds, is a failed attempt. The next one is
    `backoff` seconds later, then twice as many, up to `longest_pause`; a batch is then handed over
    event by event. After `attempts` an event becomes a dead letter and the next one is handled;
    None tries for ever. A `ChatError` says what is wrong without a traceback in the log, and by its
    `after_ms` that the next attempt is to be no sooner (though never after `longest_pause`); a
    `ReceiverBusy` that until then no other room's events are wanted either; an `Undeliverable` that
    no further attempt is worth making.
    """

    name: str  # begins with the plugin's
    handle: Callable[[Sequence[AnyEvent]], Awaitable[None]]
    kinds: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    start: Literal["now", "beginning"] = "now"
    batch: int = 100
    rooms_at_once: int = 16
    attempts: int | None = 10
    backoff: float = 1.0
    longest_pause: float = 300.0
    deadline: float = 30.0


class GraphQLPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the GraphQL schema.

    `sdl` is in the schema language; it describes each type and field, and adds to others' types
    with `extend type`. `resolvers` maps `Type.field` to a function of `(parent, info, **arguments)`,
    which may be `async def`; a field without one is the parent's attribute of that name in snake
    case. `kinds` maps the name of an enum, or of a type of an interface or a union, to the class
    in Python. `costs` maps a `Type.field` that takes more work than others to how many fields
    it counts for; `lengths` maps one that is a list to how long that usually is, or at most if it
    has an argument `first` or `last`. `info.context` has `user` (raises `ChatError` auth.required) and `service`.
    """

    name: str  # what it is about, for messages about mistakes in it
    sdl: str
    resolvers: Mapping[str, Callable[..., Any]] = {}
    kinds: Mapping[str, type] = {}
    costs: Mapping[str, int] = {}
    lengths: Mapping[str, int] = {}


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a running server lends to a plugin."""

    data: Path  # a folder for this plugin's own files; made on first use by the plugin
    records: Records  # the plugin's own space in the store
    measures: Measures  # every figure the core keeps, to read; and to add the plugin's own
    version: str
    service: "Service"  # every rule of the server; it answers from `startup` on
    graphql: Sequence[GraphQLPart] = ()  # all parts that plugins registered
    worker: int = 0  # of `serve --workers`, from 1; 0 where there is one process alone
    worker_ports: tuple[int, ...] = ()  # of 127.0.0.1, where each worker answers for itself
