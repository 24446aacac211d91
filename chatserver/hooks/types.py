"""Arguments and results of hooks: small frozen structs, so that a new field breaks no plugin."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

import msgspec

from chatserver.errors import CLOSE_INTERNAL, ChatError
from chatserver.localized import Localized
from chatserver.model import NO_DATA, AnyEvent, Message, Scope, ServerRole, User

EVENT_KINDS = {str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a plugin's settings: `class Config(chatserver.Settings)` on the plugin class.

    Each field is `Annotated[type, msgspec.Meta(description="…")]`; bounds in Meta are checked. A
    field name that ends in `password`, `secret`, `token`, `key` or `uri` is never shown. With
    `default_deadline: ClassVar[float]`, a plugin that judges messages or actions has so many seconds for each,
    unless its section says otherwise (`deadline_seconds`).
    """


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A new or edited message, before it is stored. `message` is the edited one's id, None for a new one.

    `client_id` is the one that the author's client chose. `data` has the value of each namespace; of an edited
    message also those that the edit leaves as they are. `thread` and `broadcast` as in `MessagePosted`.
    """

    room: str
    body: str
    reply_to: str | None = None
    thread: str | None = None
    broadcast: bool = False
    message: str | None = None
    client_id: str | None = None
    data: Mapping[str, Any] = NO_DATA


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a button, menu or form of a message, by a user who may read the room.

    `part` is the id of the button, menu or form. `values` holds what was chosen or typed: of a menu under its
    own id, of a form under the id of each field. `context` is what the plugin gave with the message; no client
    has seen it.
    """

    user: User
    message: Message
    part: str
    values: Mapping[str, Sequence[str]]
    context: Any = None


DataChange: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


class InteractionReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an interaction. `note` is shown to the user alone, and kept nowhere.

    `change` gets the present data of the message, by namespace, and returns new values for the namespaces of
    the plugin (None removes one), or None for no change. It may be called several times, as others may change
    the message at the same time.
    """

    note: str | None = None
    change: DataChange | None = None


InteractionHandler: TypeAlias = Callable[[Interaction], Awaitable[InteractionReply | None]]


class MessageData(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace of the data of messages. `name` is the plugin's name, or begins with it and a dot.

    `schema` is the type of a value: a struct, or another type that msgspec can read and write. A value has at
    most `max_bytes` as JSON. With `from_clients`, clients may send it with their messages; otherwise only the
    plugin gives it. `text` makes the text of a value by which search finds the message. `interact` is called
    with each use of the buttons, menus and forms of messages whose `Parts.of` is this namespace. `has` is
    what a search may call it besides its name, as in `has:file`, in lower case.
    """

    name: str
    schema: Any
    from_clients: bool = False
    max_bytes: int = 4096
    text: Callable[[Any], str] | None = None
    interact: InteractionHandler | None = None
    has: str = ""


class EventKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of event that a plugin notes in logs of rooms. `name` begins with the plugin's name and a dot.

    `schema` is the type of the payload, as in `MessageData`; a payload has at most `max_bytes` as JSON.
    """

    name: str
    schema: Any
    max_bytes: int = 4096


class Refusal(msgspec.Struct, frozen=True):
    """The refusal of a message or an action; the user sees the reason, of which 500 characters count.

    A reason by language, such as `{"en": "It is night.", "ja": "夜です。"}`, is shown in the reader's.
    """

    reason: Localized


Outcome: TypeAlias = Literal["ok", "challenged", "wrong", "locked", "refused", "limited"]


class LoginAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to sign in. `user` is the id, or None if there is no such account.

    `outcome` is success, a right first step that a second one must follow, a wrong password, name or answer, a
    locked account or a plugin's refusal (the password was right), or too many earlier failures. The last kind is
    reported once a minute for each account and network; `times` is the number of attempts since the last report.
    `method` is the name of the sign-in method.
    """

    user: str | None
    address: str
    ok: bool
    outcome: Outcome = "ok"
    times: int = 1
    method: str = "password"


Deed: TypeAlias = Literal[
    "registered",
    "added",
    "signed_out",
    "sessions_ended",
    "password",
    "reset_link",
    "password_reset",
    "email",
    "linked",
    "unlinked",
    "method_added",
    "method_renamed",
    "method_removed",
    "recovery_codes",
    "role",
    "locked",
    "unlocked",
    "renamed",
    "status",
    "picture",
    "profile",
    "token_made",
    "token_revoked",
    "group_made",
    "group_changed",
    "group_removed",
    "group_joined",
    "group_left",
    "leaving",
    "staying",
    "deleted",
]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The origin of a change of an account: a user at an address, or an operator.

    `operator` is the system's name of the user who runs a command on the machine. No field is set if the
    server acts by itself.
    """

    user: str | None = None
    address: str | None = None
    operator: str | None = None


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the account `user`: made, changed, deleted, or its sessions ended.

    `role` is its new role if the change gave one, `was` the earlier role. `method` is the sign-in method or second
    step that was linked, added, renamed or removed, and `item` the id of what was, such as one of several passkeys, or
    of a bot's tokens; or the name of a group, of which `user` is a member, or who made, changed or removed it.
    """

    what: Deed
    user: str
    by: Actor
    role: ServerRole | None = None
    was: ServerRole | None = None
    method: str = ""
    item: str = ""


class PluginSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was turned on or off, or got new settings, while the server ran.

    After "reload" it has those of the configuration file as it is now; "set" changed those named in `settings`.
    """

    do: Literal["on", "off", "reload", "set"]
    plugin: str
    by: Actor
    settings: Sequence[str] = ()


class ReadMark(msgspec.Struct, frozen=True, kw_only=True):
    """A user (id) has read a room (id) up to the event `seq`."""

    user: str
    room: str
    seq: int


Sight: TypeAlias = Literal["rooms", "room", "events", "members", "users", "user", "sessions"]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A staff member's look at the data, which needs no rights in rooms.

    `user` and `address` are the staff member's; `room` and `of` are the ids of the room and user looked at.
    """

    user: str
    address: str
    what: Sight
    room: str | None = None
    of: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on a message by somebody who moderates, such as on reports of it, made by way of a plugin.

    `author` is the id of the message's author. `steps` are what was done, such as `delete` or `ban`, each of which is
    observed by itself as well; empty if nothing had to be done.
    """

    plugin: str
    by: Actor
    room: str
    message: str
    author: str
    steps: tuple[str, ...] = ()


class HealthCheck(msgspec.Struct, frozen=True):
    """One line of GET /health. `check` returns values to show with it, or raises."""

    name: str
    check: Callable[[], Awaitable[Mapping[str, Any]]]


class Request(Protocol):
    """An HTTP request as a plugin's route sees it.

    Keep it as long as the answer or the socket needs it. It holds all headers, so for a socket that lives
    for days, keep only the values you need.
    """

    @property
    def method(self) -> str:
        """The method; `GET` also for a HEAD request."""

    @property
    def path(self) -> str: ...

    @property
    def address(self) -> str:
        """The client's address, taken from trusted proxies."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """The values of the path's parameters, decoded. Each may be any text, such as `..` or one with slashes."""

    @property
    def body(self) -> bytes:
        """The body, at most `limits.http_body_bytes`; empty if the request has none, or streams it."""

    @property
    def length(self) -> int | None:
        """The size of the body in bytes that the head announces; None if it does not say."""

    def parts(self) -> AsyncIterator[bytes]:
        """The body, part by part, each at most 65,536 bytes. Of a streamed body the next part is read only then.

        A client that is much slower than 4,096 bytes in each `limits.body_seconds` is cut off. Raises
        `ChatError` request.too_large, and request.cut if the client is gone.
        """

    @property
    def query(self) -> Mapping[str, str]:
        """The query string, decoded; of equal names the last one counts.

        Raises `ChatError` request.invalid if it is not UTF-8.
        """

    @property
    def token(self) -> str | None:
        """The session token, from the bearer header, else from the cookie; not checked yet."""

    @property
    def has_cookie(self) -> bool:
        """Whether the token came in the cookie, which a browser sends with any page's requests."""

    @property
    def is_secure(self) -> bool:
        """Whether the client came over TLS, to this server or to a trusted proxy."""

    def cookie(self, name: str) -> str | None:
        """The value of a cookie; None if it is missing."""

    @property
    def is_foreign(self) -> bool:
        """Whether the request comes from a page of another origin. Of those, only a GET reaches a plugin."""

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in any case; None if it is missing."""

    async def user(self) -> User:
        """The signed-in user; counts one of the user's operations.

        Raises `ChatError` auth.required, auth.invalid, auth.scope, limit.rate, store.unavailable.
        """


class Cookie(msgspec.Struct, frozen=True, kw_only=True):
    """A cookie for a browser to keep for `seconds`, None: until it closes, 0: no longer.

    Scripts cannot read it. Over TLS it is `Secure`; a page of another site does not send it along, except by a
    link (`SameSite=Lax`) unless it is `strict`.
    """

    name: str
    value: str
    seconds: int | None = None
    path: str = "/"
    strict: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a plugin's route.

    A body that is an async iterator is streamed: each part is sent before the next one is requested,
    and the client must read it within `limits.slow_seconds`. If the client leaves or the server stops, the
    iterator is cancelled where it waits, and its `aclose` is awaited.

    `session` is a session token for a browser to keep, as after `POST /api/v1/login`; an empty one deletes
    the browser's token.
    """

    body: bytes | AsyncIterator[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    session: str | None = None
    cookies: Sequence[Cookie] = ()


class Socket(Protocol):
    """A WebSocket connection as a plugin sees it.

    A client that leaves more than `limits.buffer_hard_bytes` unread, or more than
    `limits.buffer_soft_bytes` for `limits.slow_seconds`, is closed with 4408.
    """

    on_drained: Callable[[], None] | None  # set it to be called when `buffered` is back at 0

    @property
    def buffered(self) -> int:
        """Number of bytes that wait for the peer to read. Back at 0, it calls `on_drained()`."""

    def send(self, frames: bytes) -> int:
        """Send complete frames (`chatserver.text_frame`), now or as soon as the peer reads. Returns `buffered`.

        Never raises; frames for a closed connection are dropped.
        """

    def close(self, code: int, reason: str) -> None:
        """Close after the buffered frames. `SocketEnd.on_close` is called once the peer has confirmed."""

    def pause_reading(self) -> None:
        """Stop reading: the client's messages then wait on its side."""

    def resume_reading(self) -> None: ...


class SocketEnd(Protocol):
    """The plugin's end of a WebSocket connection. An exception closes this socket with 4400."""

    def on_text(self, payload: bytes) -> None:
        """Handle a text message, valid UTF-8, at most `limits.frame_bytes` long."""

    def on_binary(self, payload: bytes) -> None:
        """Handle a binary message."""

    def on_close(self, code: int | None, reason: str | None) -> None:
        """Called once, after the end. `code` is from the side that closed first; None if it broke."""

    def on_drain(self, after_ms: int) -> None:
        """Called when the server stops: it closes the socket with 4301 within `after_ms` milliseconds."""

    async def settle(self) -> None:
        """Return when all received messages are answered.

        Awaited before the close with 4301, after the last read, for at most `delivery.append_seconds`.
        """


class SocketDoor(msgspec.Struct, frozen=True, kw_only=True):
    """WebSocket upgrades at a route. `open` is called once the connection is open.

    A client that offers none of `subprotocols` is closed with the code `no_subprotocol`; if the list is
    empty, any client is accepted. If the plugin fails, a client is closed with `failed`. Origins, limits,
    heartbeat and drain are those of `/ws`.
    """

    subprotocols: tuple[str, ...] = ()
    open: Callable[[Request, Socket], SocketEnd]
    no_subprotocol: int = 4406
    failed: int = CLOSE_INTERNAL


Handler = Callable[[Request], Awaitable[Reply]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP address of a plugin: a path, a handler for each method, and upgrades.

    A segment `{name}` of the path is a parameter, which any text fills, and `{name...}` at the end takes the
    rest of the path, slashes included; see `Request.parameters`. If paths of two routes match a request, the one
    with the earlier fixed text answers it.

    HEAD is answered as GET. A request from a page of another origin is refused unless it is a GET.
    With `every_node` the address also exists on nodes that take no connections (`server.roles`). With
    `internal` it is only for operators: on the internal listener (`server.internal_port`), and for requests
    directly from `server.internal_networks`; others get 404.

    `body_bytes` limits the body further than `limits.http_body_bytes`. Bodies of more than 65,536 bytes are
    read only from requests with a valid session.

    With `streams_body` a handler is called before the body is read, so that it can refuse it, and reads it by
    `Request.parts`. Its `body_bytes` may be larger than `limits.http_body_bytes`. If the client goes before
    the end of the body, `parts` raises request.cut.

    `deadline` is the number of seconds that a handler has, by default `plugins.deadline_seconds`. Time in which it
    waits for the client in `Request.parts` does not count.

    `scopes` says, by the method's name in lower case, what a bot's token must be for; `Request.user` refuses it
    otherwise (auth.scope). Of a tuple one scope is enough; the handler then demands what it needs (`demand_scope`).
    Methods that are not named are for people alone; an upgrade counts as `get`.

    `show_error` makes the JSON body of an error, even of an error of the server itself.

    Pages of other origins (`server.allowed_origins`) may send the headers in `request_headers`, and read those in
    `reply_headers`, beside the ones that all routes have (docs/protocol.md).
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
    streams_body: bool = False
    deadline: float | None = None
    scopes: Mapping[str, Scope | tuple[Scope, ...]] = {}
    show_error: Callable[[ChatError], bytes] | None = None
    request_headers: tuple[str, ...] = ()
    reply_headers: tuple[str, ...] = ()

    @property
    def handlers(self) -> dict[str, Handler]:
        """The handlers, by the method's name in lower case."""
        found = {name: getattr(self, name) for name in ("get", "post", "put", "patch", "delete")}
        return {name: handler for name, handler in found.items() if handler is not None}


class PagePart(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin adds to the page: ES modules and style sheets, and the files that they load.

    All files below `folder` are served under /plugins/NAME/, each version under an address of its own, for
    browsers to keep. The page imports each of `modules` (paths below `folder`), and calls its default export
    with the interface that docs/plugins/page.md describes. `styles` are style sheets. `late_modules` are loaded some
    seconds later, as the first messages do not wait for them: what few people use at once belongs there.
    `staff_modules` are loaded as `modules` are, for owners and admins of the server alone: for pages that nobody else
    sees. What others must not know is kept from them by the server: anybody may ask for the files.
    """

    folder: Path
    modules: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    late_modules: tuple[str, ...] = ()
    staff_modules: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that a plugin adds to `chat.v1`, as `{"id": 1, "op": "polls.vote", "poll": "7"}`.

    `name` begins with the plugin's name and a dot. `arguments` is the msgspec type of the frame without `id` and
    `op`, usually a struct; a frame that does not fit is refused with request.invalid. `run` gets the user and
    the arguments, and returns what the client gets as `ok`. It has `deadline` seconds, by default
    `plugins.deadline_seconds`, and the connection's next operation waits for its end. `scope` is what a bot's token
    must be for; without one the operation is for people alone.
    """

    name: str
    arguments: type
    run: Callable[[User, Any], Awaitable[object]]
    deadline: float | None = None
    scope: Scope | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Periodic work, on one node at a time.

    `name` begins with the plugin's name. `run` is called every `every` seconds, counted between beginnings
    of runs, and has `deadline` seconds. A run may be cancelled at any time, and repeating it afterwards must
    do no harm.
    """

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    deadline: float = 60.0


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A durable reader of all rooms' logs, on one node at a time.

    `handle` gets at most `batch` events of one room in a call, ascending; `rooms_at_once` calls for
    different rooms may run at the same time. Each event comes at least once: again after an error, a crash,
    or a move to another node. `kinds` (such as `message.posted`) and `rooms` (ids) select the events; empty
    means all, also `EventRemoved`, which has no time: what expired before it was read. `start` is the first
    position in the consumer's first run, and in rooms newly added to `rooms`: new events only, or the room's
    beginning. `wants` says of an event of these kinds whether it is one for the consumer, without waiting for
    anything; others are passed by for good, without a call, and cost next to nothing.

    An attempt fails if `handle` raises or takes more than `deadline` seconds. The next attempt comes after
    `backoff` seconds, then after twice as many, up to `longest_pause`; the batch is then handled event
    by event. After `attempts` an event becomes a dead letter and the next one is handled; None retries
    forever. A `ChatError` is logged without a traceback, and its `after_ms` (limited to `longest_pause`) is
    the least pause before the next attempt. `ReceiverBusy` extends that pause to all rooms;
    `Undeliverable` makes the event a dead letter at once.
    """

    name: str  # begins with the plugin's name
    handle: Callable[[Sequence[AnyEvent]], Awaitable[None]]
    kinds: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    wants: Callable[[AnyEvent], bool] | None = None
    start: Literal["now", "beginning"] = "now"
    batch: int = 100
    rooms_at_once: int = 16
    attempts: int | None = 10
    backoff: float = 1.0
    longest_pause: float = 300.0
    deadline: float = 30.0


class GraphQLSource(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one field of `Subscription`.

    `open` is an async generator of `(context, **arguments)`; `context` is what resolvers get as `info.context`,
    and each item becomes the field's value in one event. The next item is asked for when the client has taken the
    last one, for as long as that may take. The end of the generator completes the subscription, and a
    `ChatError` refuses or ends it. If the client goes, the generator is cancelled where it waits, and closed.

    With `shared` one generator on this node serves all subscriptions with equal arguments; its context has no
    user. `admit` is then awaited for each of them, with the user's context, and raises `ChatError` to refuse.
    A subscriber with more items waiting than `plugin.graphql.queue` is ended with graphql.behind.
    """

    open: Callable[..., AsyncIterator[Any]]
    shared: bool = False
    admit: Callable[..., Awaitable[None]] | None = None


class GraphQLPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the GraphQL schema.

    `sdl` is in the schema language; it describes each type and field, and extends types of other parts
    with `extend type`. `resolvers` maps `Type.field` to a function of `(parent, info, **arguments)`,
    which may be `async def`; a field without one is the parent's attribute of that name in snake
    case. `kinds` maps the name of an enum, or of a type of an interface or a union, to the class
    in Python. `costs` maps a costly `Type.field` to the number of fields that it counts
    for; `lengths` maps a list field to its usual length, or to its greatest length if it has an
    argument `first` or `last`. `info.context` has `user` (raises `ChatError` auth.required), `service`, the `token`
    of the session, None if there is none, and the client's `address`.
    `sources` maps each `Subscription.field` of the part to the source of its events. `scopes` maps fields of `Query`,
    `Mutation` and `Subscription` to what a bot's token must be for; the others are for people alone.
    """

    name: str  # subject of the part, for error messages
    sdl: str
    resolvers: Mapping[str, Callable[..., Any]] = {}
    kinds: Mapping[str, type] = {}
    costs: Mapping[str, int] = {}
    lengths: Mapping[str, int] = {}
    sources: Mapping[str, GraphQLSource] = {}
    scopes: Mapping[str, Scope] = {}
