"""One WebSocket connection that speaks `chat.v1`: frames in, operations in order, answers out."""

import asyncio
from collections import deque
from functools import partial
from typing import Any

from loguru import logger

from chatserver import errors
from chatserver.delivery.notices import RoomRemoved
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError
from chatserver.hooks import door
from chatserver.model import MessagePosted, Scope, User
from chatserver.protocol import (
    AnyOp,
    Auth,
    BadRequest,
    Hello,
    Ping,
    Send,
    Sent,
    Typing,
    Unreadable,
    answer,
    encode,
    error_answer,
    parse,
)
from chatserver.roomlog.entries import Outcome
from chatserver.roomlog.room import Room
from chatserver.runtime.rate import Bucket, too_fast
from chatserver.service.rights import demand_scope, is_within, may_read
from chatserver.service.scopes import OPERATIONS
from chatserver.version import __version__
from chatserver.web.gate import Gate
from chatserver.web.websocket import ops, plugin_ops
from chatserver.web.websocket.ops import draft_of
from chatserver.web.websocket.plugin_ops import PluginOp
from chatserver.web.websocket.transport import Transport

BACKLOG = 16  # operations (one frame each) that may wait for an earlier one; then reading pauses
TYPING_PER_SECOND = 1.0  # each goes to everybody in the room; more would tell them nothing new
TYPING_BURST = 5.0
RATE_STRIKES = 200  # refusals in a row by the rate limit, after which the connection is closed
RUN: dict[type, ops.Run] = {**ops.RUN, PluginOp: plugin_ops.run}


class Session:
    """One user's operations on one connection, done one after the other; the transport calls it.

    A `send` does not hold up the next operation: its answer comes when the message is durable.
    """

    __slots__ = (
        "_address",
        "_backlog",
        "_bucket",
        "_deadline",
        "_entered",
        "_strikes",
        "_typing",
        "_work",
        "gate",
        "service",
        "subscriber",
        "transport",
    )

    def __init__(self, gate: Gate, transport: Transport, address: str) -> None:
        self.gate, self.transport, self.service = gate, transport, gate.service
        self.subscriber = Subscriber(
            self.service.connections.outlet, transport, self._lost, transport.window_bits
        )
        self._address = address
        self._entered = False
        limits = gate.config.limits
        # Used until the user, whose bucket the operations then take from, is known.
        self._bucket = Bucket(limits.operations_per_second, limits.operations_burst)
        self._strikes = 0
        self._typing: Bucket | None = None  # made for those who type, as most only listen
        self._deadline: asyncio.TimerHandle | None = None
        self._backlog: deque[AnyOp | PluginOp] | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def user(self) -> User | None:
        return self.subscriber.user

    def start(self, user: User | None, token: str | None) -> None:
        """Send `hello`; without a user, wait for `auth` no longer than the limit."""
        self._entered = True
        self.gate.enter(self._address)
        self.service.connections.add(self.subscriber)
        self.transport.on_drained = self.subscriber.on_drained
        config = self.gate.config
        self.subscriber.say(
            encode(
                Hello(
                    heartbeat_ms=int(config.limits.heartbeat_seconds * 1000),
                    max_frame=config.limits.frame_bytes,
                    server=f"chatserver/{__version__}",
                    name=config.server.name,
                    epoch=self.service.epoch,
                )
            )
        )
        if user is not None and token is not None:
            self.sign_in(user, token)
        else:
            self._deadline = asyncio.get_running_loop().call_later(
                config.limits.auth_seconds,
                self.transport.close,
                errors.CLOSE_UNAUTHENTICATED,
                "not signed in in time",
            )

    def sign_in(self, user: User, token: str) -> None:
        try:
            self.service.connections.sign_in(self.subscriber, user, token)
        except ChatError:
            self.transport.close(errors.CLOSE_CONNECTIONS, "too many connections")
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._bucket = self.service.rates.of_user(user.id)

    def may_tell_typing(self) -> bool:
        if self._typing is None:
            self._typing = Bucket(TYPING_PER_SECOND, TYPING_BURST)
        return not self._typing.take()

    # -- frames in -----------------------------------------------------------------------------

    def on_text(self, payload: bytes) -> None:
        op: AnyOp | PluginOp
        try:
            op = parse(payload)
        except BadRequest as error:
            try:
                op = self._plugin_op(payload, error)
            except BadRequest as refused:
                self.say_error(refused.id, refused)
                return
        except Unreadable:
            self.transport.close(errors.CLOSE_BAD_FRAME, "not a JSON object")
            return
        wait = self._bucket.take()
        if wait:
            self._too_fast(op, wait)
            return
        self._strikes = 0
        if type(op) is Ping:
            self.say(op.id, {})
        elif self._backlog or type(op) is not Send or not self._send_now(op):
            self._enqueue(op)

    def _plugin_op(self, payload: bytes, error: BadRequest) -> PluginOp:
        """The plugin's operation in a frame with an `error` for the server itself. Raises `BadRequest`."""
        if error.code != "request.unknown_op":
            raise error
        return plugin_ops.parse(payload, self.service.hooks, error)

    def on_binary(self, payload: bytes) -> None:
        self.transport.close(errors.CLOSE_BAD_FRAME, "text frames only")

    def on_ws_connection_close(self, code: int | None, reason: str | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._work is not None:
            self._work.cancel()
        if self._entered:
            self._entered = False
            self.gate.leave(self._address)
        self.gate.count_close(code)
        self.service.connections.remove(self.subscriber)

    def on_connection_close(self) -> None:
        """The transport reports its end by `on_ws_connection_close`."""

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        logger.opt(exception=(typ, value, tb)).error("a WebSocket session failed")

    # -- answers out ---------------------------------------------------------------------------

    def say(self, number: int | float | None, ok: object) -> None:
        self.subscriber.say(answer(number, ok))

    def say_error(self, number: int | float | None, error: ChatError) -> None:
        self.subscriber.say(error_answer(number, error))

    # -- operations ------------------------------------------------------------------------------

    def _send_now(self, op: Send) -> bool:
        """Submit a message without a task, if nothing has to be awaited for it. Returns whether it did."""
        if self.user is None or not is_within(self.user, Scope.WRITE):
            return False
        done = partial(self.sent, op.id)
        return self.service.messages.send_now(self.user, op.client_id, draft_of(op), done)

    def sent(self, number: int | float | None, outcome: Outcome | ChatError) -> None:
        """Answer a `send` with its outcome."""
        if self.subscriber.closed:
            return
        if isinstance(outcome, ChatError):
            self.say_error(number, outcome)
            return
        event = outcome.event
        assert isinstance(event, MessagePosted)
        self.say(number, Sent(event.id, event.seq, event.at, outcome.repeated))

    def _enqueue(self, op: AnyOp | PluginOp) -> None:
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(op)
        if len(self._backlog) >= BACKLOG:
            self.transport.pause_reading()
        if self._work is None:
            self._work = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Work the backlog off. The operation under way stays in it, so that later ones queue."""
        door.enter(door.WEBSOCKET)
        try:
            while self._backlog:
                await self._do(self._backlog[0])
                self._backlog.popleft()
                if self.subscriber.is_lagging:  # do not let its answers pile up
                    await self.subscriber.until_drained()
                if len(self._backlog) < BACKLOG:
                    self.transport.resume_reading()
        finally:
            self._backlog = None
            self._work = None

    async def _do(self, op: AnyOp | PluginOp) -> None:
        try:
            if isinstance(op, Auth):
                await self._auth(op)
            elif self.user is None:
                raise ChatError("auth.required")
            else:
                demand_scope(self.user, _scope_of(op))
                await RUN[type(op)](self, self.user, op)
        except ChatError as error:
            if type(op) is not Typing:
                self.say_error(op.id, error)
        except Exception:
            logger.exception("operation {} failed", type(op).__name__)
            self.say_error(op.id, ChatError("server.internal"))

    async def _auth(self, op: Auth) -> None:
        try:
            user = await self.service.accounts.signed_in(op.token)
        except ChatError as error:
            self.say_error(op.id, error)
            if error.code == "auth.invalid":
                self.subscriber.flush()
                self.transport.close(errors.CLOSE_REJECTED, "the token is not valid")
            return
        if self.user is not None and self.user.id != user.id:
            raise ChatError("request.invalid", "This connection is another user's.")
        if self.user is None:
            self.sign_in(user, op.token)
        self.say(op.id, {"user": user, "epoch": self.service.epoch})

    def _lost(self, room: Room) -> None:
        """Unfollow a room if the user has lost the right to read it, by removal or by a change of role."""
        if self.user is not None and may_read(self.user, room):
            return
        self.subscriber.leave(room)
        self.subscriber.say(encode(RoomRemoved(room=room.id, deleted=room.is_deleted)))

    def _too_fast(self, op: AnyOp | PluginOp, wait: float) -> None:
        self._strikes += 1
        if self._strikes > RATE_STRIKES:
            self.transport.close(errors.CLOSE_RATE, "too many operations")
        else:
            self.say_error(op.id, too_fast(wait))


def _scope_of(op: AnyOp | PluginOp) -> Scope | None:
    """What a bot's token must be for, for an operation."""
    if isinstance(op, PluginOp):
        return op.scope
    return OPERATIONS.get(str(op.__struct_config__.tag))
