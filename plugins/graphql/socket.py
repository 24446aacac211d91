"""graphql-transport-ws on a WebSocket: authentication and operations."""

import asyncio
from collections.abc import Callable

from chatserver import (
    Bucket,
    ChatError,
    Measures,
    Request,
    Service,
    Socket,
    SocketDoor,
    StoreUnavailable,
    too_fast,
)
from chatserver_plugins.graphql import wire
from chatserver_plugins.graphql.asking import LANGUAGE_CHARS, Asking
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.errors import Refused, shown_alone
from chatserver_plugins.graphql.framing import SocketFraming
from chatserver_plugins.graphql.operations import Listener, Operation
from chatserver_plugins.graphql.params import params_of
from chatserver_plugins.graphql.running import Runner

# The core's close codes, translated into codes of graphql-transport-ws, as its clients would retry after
# the core's own codes, or misinterpret them.
TRANSLATED = {
    4400: (wire.FAILED, "the server made a mistake"),
    4451: (wire.FORBIDDEN, "the session has ended"),
    4452: (wire.FORBIDDEN, "the account is locked"),
}
CLOSE_RATE = 4429
RATE_STRIKES = 200  # messages in a row above the rate, after which the socket is closed
TOO_MANY_CONNECTIONS = 4454  # as on /ws
CODES = frozenset({*wire.CLOSES, 4301, 4400, TOO_MANY_CONNECTIONS})  # with their own label


class SocketPipe:
    """A socket, for delivery."""

    __slots__ = ("_socket", "pause_reading", "resume_reading", "send")

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.send = socket.send  # bound directly, as it is called for each delivery
        self.pause_reading, self.resume_reading = socket.pause_reading, socket.resume_reading

    @property
    def buffered(self) -> int:
        return self._socket.buffered

    def close(self, code: int, reason: str) -> None:
        self._socket.close(*TRANSLATED.get(code, (code, reason)))


class SocketDoors:
    """All sockets of this node."""

    def __init__(
        self, service: Service, config: GraphQLConfig, runner: Runner, measures: Measures
    ) -> None:
        self._service, self._config, self._runner = service, config, runner
        self._sockets: set[GraphQLSocket] = set()
        self._closed = measures.counter(
            "chatserver_graphql_sockets_closed_total",
            "Closed GraphQL sockets, by the side that closed first",
            ("code",),
        )

    def door(self) -> SocketDoor:
        return SocketDoor(
            subprotocols=(wire.SUBPROTOCOL,),
            open=self._open,
            no_subprotocol=wire.NO_SUBPROTOCOL,
            failed=wire.FAILED,
        )

    @property
    def subscriptions(self) -> int:
        """Number of running subscriptions, over all sockets."""
        return sum(socket.subscriptions for socket in self._sockets)

    def _open(self, request: Request, socket: Socket) -> "GraphQLSocket":
        opened = GraphQLSocket(
            request, socket, self._service, self._config, self._runner, self._forget
        )
        self._sockets.add(opened)
        return opened

    def _forget(self, socket: "GraphQLSocket", code: int | None) -> None:
        self._sockets.discard(socket)
        known = code is not None and (code in CODES or 1000 <= code <= 1015)
        self._closed.add(labels=(str(code) if known else "none" if code is None else "other",))


class GraphQLSocket:
    """One connection: waits for `connection_init`, authenticates the user, then runs operations."""

    __slots__ = (
        "_address",
        "_config",
        "_init",
        "_is_ready",
        "_language",
        "_on_closed",
        "_operations",
        "_runner",
        "_service",
        "_socket",
        "_strikes",
        "_timer",
        "_token",
        "listener",
    )

    def __init__(
        self,
        request: Request,
        socket: Socket,
        service: Service,
        config: GraphQLConfig,
        runner: Runner,
        on_closed: Callable[["GraphQLSocket", int | None], None],
    ) -> None:
        """`on_closed` is called with the socket and the close code."""
        self._token, self._address = request.token, request.address
        self._language = (request.header("Accept-Language") or "")[:LANGUAGE_CHARS]
        self._socket, self._service, self._config = socket, service, config
        self._runner, self._on_closed = runner, on_closed
        self.listener = Listener(service, SocketPipe(socket))
        socket.on_drained = self.listener.on_drained
        self._operations: dict[str, Operation] = {}
        self._is_ready = False
        self._strikes = 0
        self._init: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(
            service.config.limits.auth_seconds,
            socket.close,
            wire.INIT_TIMEOUT,
            "Connection initialisation timeout",
        )

    # -- what the socket calls -------------------------------------------------------------------

    def on_text(self, payload: bytes) -> None:
        try:
            message = wire.parse(payload)
        except ValueError as error:
            self._socket.close(wire.INVALID, str(error))
            return
        wait = self._bucket().take()
        if not wait:
            self._strikes = 0
        elif self._strike():
            return
        match message:
            case wire.Subscribe() if wait:
                self._refuse(message.id, too_fast(wait))
            case wire.Ping() if wait:
                pass
            case wire.Subscribe():
                self._subscribe(message)
            case wire.Complete():
                operation = self._operations.get(message.id)
                if operation is not None:
                    operation.stop()
            case wire.Ping():
                self.listener.push(wire.pong(message.payload))
            case wire.Init():
                self._initialise(message.payload or {})

    def on_binary(self, payload: bytes) -> None:
        self._socket.close(wire.INVALID, "Text messages only")

    def on_close(self, code: int | None, reason: str | None) -> None:
        self._stop_timer()
        if self._init is not None:
            self._init.cancel()
        for operation in list(self._operations.values()):
            operation.stop()
        self._service.connections.remove(self.listener)
        self._on_closed(self, code)

    def on_drain(self, after_ms: int) -> None:
        """Send nothing: the protocol has no frame for a drain, and the close code makes clients reconnect."""

    async def settle(self) -> None:
        tasks = [operation.task for operation in self._operations.values() if operation.task]
        await asyncio.gather(*tasks, return_exceptions=True)
        self.listener.flush()

    @property
    def subscriptions(self) -> int:
        """Number of running subscriptions of this socket."""
        return sum(operation.source is not None for operation in self._operations.values())

    # -- connection_init ---------------------------------------------------------------------------

    def _initialise(self, payload: wire.Payload) -> None:
        if self._is_ready or self._init is not None:
            self._socket.close(wire.INIT_TWICE, "Too many initialisation requests")
            return
        self._stop_timer()
        self._init = asyncio.create_task(self._sign_in(_token(payload) or self._token))

    async def _sign_in(self, token: str | None) -> None:
        try:
            if token is None:
                raise ChatError("auth.required")
            user = await self._service.accounts.signed_in(token)
        except StoreUnavailable:
            self._socket.close(wire.TRY_AGAIN_LATER, "The store is not available at the moment")
            return
        except ChatError as error:
            self._socket.close(wire.FORBIDDEN, f"Forbidden: {error.text}")
            return
        try:
            self._service.connections.sign_in(self.listener, user, token)
        except ChatError:
            self._socket.close(TOO_MANY_CONNECTIONS, "Too many connections")
            return
        self._is_ready = True
        self.listener.push(wire.acknowledged(self._service.epoch))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- operations --------------------------------------------------------------------------------

    def _bucket(self) -> Bucket:
        user = self.listener.user
        return self._service.rates.of(None if user is None else user.id, self._address)

    def _strike(self) -> bool:
        """Count a message above the rate. Returns whether that closed the socket."""
        self._strikes += 1
        if self._strikes <= RATE_STRIKES:
            return False
        self._socket.close(CLOSE_RATE, "Too many operations")
        return True

    def _refuse(self, name: str, error: ChatError) -> None:
        framing = SocketFraming(name)
        self.listener.push(framing.error(shown_alone(error)))

    def _subscribe(self, message: wire.Subscribe) -> None:
        if not self._is_ready:
            self._socket.close(wire.UNAUTHORIZED, "Unauthorized")
            return
        if message.id in self._operations:
            self._socket.close(wire.ID_IN_USE, f"Subscriber for {message.id} already exists")
            return
        try:
            params = params_of(message.payload)
        except ChatError as error:
            self._socket.close(wire.INVALID, error.text)
            return
        operation = Operation(self.listener, SocketFraming(message.id), self._forget)
        if len(self._operations) >= self._config.operations:
            operation.refuse(
                Refused("graphql.operations", detail={"limit": self._config.operations})
            )
            return
        self._operations[message.id] = operation
        self._runner.start(operation, params, self._asking)

    def _asking(self) -> Asking:
        listener = self.listener
        return Asking(
            self._service,
            user=listener.user,
            token=listener.token,
            address=self._address,
            language=self._language,
        )

    def _forget(self, operation: Operation) -> None:
        assert isinstance(operation.framing, SocketFraming)
        self._operations.pop(operation.framing.name, None)


def _token(payload: wire.Payload) -> str | None:
    """The session token in the payload of `connection_init`: `token`, or an `Authorization`."""
    token = payload.get("token")
    if isinstance(token, str) and token:
        return token
    headers = payload.get("headers")
    for place in (payload, headers if isinstance(headers, dict) else {}):
        for name, value in place.items():
            if name.lower() == "authorization" and isinstance(value, str):
                scheme, _, rest = value.partition(" ")
                if scheme.lower() == "bearer" and rest.strip():
                    return rest.strip()
    return None
