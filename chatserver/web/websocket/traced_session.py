"""Spans of the operations of `chat.v1`."""

from functools import partial

from chatserver.errors import ChatError
from chatserver.interfaces import Span, Tracer
from chatserver.protocol import AnyOp, Send
from chatserver.roomlog.entries import Outcome
from chatserver.tracing.spans import around
from chatserver.web.gate import Gate
from chatserver.web.websocket.ops import draft_of
from chatserver.web.websocket.plugin_ops import PluginOp
from chatserver.web.websocket.session import Session
from chatserver.web.websocket.transport import Transport


class TracedSession(Session):
    """A session that makes a span, and a trace, of each operation; that of a `send` ends with its answer."""

    __slots__ = ("_doing",)

    def __init__(self, gate: Gate, transport: Transport, address: str) -> None:
        super().__init__(gate, transport, address)
        self._doing: Span | None = None  # of the operation under way; a `send` need not be one

    @property
    def _tracer(self) -> Tracer:
        tracer = self.gate.tracer
        assert tracer is not None
        return tracer

    async def _do(self, op: AnyOp | PluginOp) -> None:
        with around(self._tracer, _name(op), "server", is_root=True) as span:
            self._doing = span
            try:
                await super()._do(op)
            finally:
                self._doing = None

    def say_error(self, number: int | float | None, error: ChatError) -> None:
        if self._doing is not None:
            self._doing.set("error.type", error.code)
        super().say_error(number, error)

    def _send_now(self, op: Send) -> bool:
        if self.user is None:
            return False
        span = self._tracer.begin(_name(op), "server", is_root=True)
        done = partial(self._answered, span, op.id)
        with span.active():
            # A span that is not ended is dropped: `_do` makes another.
            return self.service.messages.send_now(self.user, op.client_id, draft_of(op), done)

    def _answered(
        self, span: Span, number: int | float | None, outcome: Outcome | ChatError
    ) -> None:
        self.sent(number, outcome)
        if isinstance(outcome, ChatError):
            span.set("error.type", outcome.code)
        span.end()


def _name(op: AnyOp | PluginOp) -> str:
    return f"chat.v1 {op.name if isinstance(op, PluginOp) else op.__struct_config__.tag}"
