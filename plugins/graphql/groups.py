"""Executes a room's events once for all subscriptions with the same selection.

The core's `chatserver.Group` decides when which events are executed, and for which members. This module
executes them, and makes the members' frames, which differ only in the operation's id.
"""

import asyncio
from collections.abc import Awaitable, Hashable, Sequence
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

import msgspec
from graphql import ExecutionResult

from chatserver import AnyEvent, ChatError, MessagePosted, Room, Service, StoreUnavailable, Stream
from chatserver_plugins.graphql import wire
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.events import EventExecutor, begun, execute_at_once, execute_event
from chatserver_plugins.graphql.execution import Execution
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.selections import Selection

PART_FIELDS = 1000  # of events, in one turn of the loop: some 10 ms


class GroupKey(NamedTuple):
    """Identifies a group: subscriptions with equal keys get equal payloads."""

    text: str
    variables: bytes
    user: str | None  # set if the result depends on the user


class Encoder:
    """Executes a group's operation, and finds a member whose rights the resolvers may use."""

    __slots__ = (
        "__weakref__",
        "_execution",
        "_executor",
        "_payloads",
        "_pieces",
        "_service",
        "_shows_messages",
        "members",
    )

    def __init__(
        self,
        execution: Execution,
        service: Service,
        executor: EventExecutor,
        *,
        shows_messages: bool,
    ) -> None:
        self._shows_messages = shows_messages
        self.members: set[RoomStream] = set()  # including those that still catch up
        self._execution, self._service, self._executor = execution, service, executor
        self._payloads: Sequence[bytes] = ()
        self._pieces: dict[int, list[bytes]] = {}

    def encode(self, events: Sequence[AnyEvent]) -> Sequence[bytes] | Awaitable[list[bytes]]:
        """A result for each event; awaitable only if a resolver awaits.

        Raises `StoreUnavailable`, and `TimeoutError` after the time limit.
        """
        at_once = max(1, PART_FIELDS // self._executor.cost)
        if len(events) > at_once:
            return self._encode_in_parts(events, at_once)
        return self._begin(events)

    async def _encode_in_parts(self, events: Sequence[AnyEvent], many: int) -> list[bytes]:
        payloads: list[bytes] = []
        for start in range(0, len(events), many):
            made = self._begin(events[start : start + many])
            payloads += made if isinstance(made, list) else await made
            await asyncio.sleep(0)
        return payloads

    def _begin(self, events: Sequence[AnyEvent]) -> list[bytes] | Awaitable[list[bytes]]:
        member = next(iter(self.members), None)
        asking = Asking(self._service, user=member.subscriber.user if member else None)
        missing = asking.without_message(events) if self._shows_messages else []
        return self._load(events, missing, asking) if missing else self._execute(events, asking)

    async def _load(
        self, events: Sequence[AnyEvent], missing: Sequence[MessagePosted], asking: Asking
    ) -> list[bytes]:
        await asking.load_messages(missing)
        encoded = self._execute(events, asking)
        return encoded if isinstance(encoded, list) else await encoded

    def _execute(
        self, events: Sequence[AnyEvent], asking: Asking
    ) -> list[bytes] | Awaitable[list[bytes]]:
        planned = execute_at_once(self._executor, events, asking)
        if planned is not None:
            return [encoded_data(data) for data in planned]
        made = [execute_event(self._executor, event, asking) for event in events]
        outcomes = [outcome for outcome in made if isinstance(outcome, ExecutionResult)]
        if len(outcomes) < len(made):
            seconds = self._execution.config.seconds
            return self._finish([begun(outcome, seconds) for outcome in made])
        return [encoded(self._execution, outcome) for outcome in outcomes]

    async def _finish(self, begun: "Sequence[asyncio.Future[ExecutionResult]]") -> list[bytes]:
        outcomes = await asyncio.gather(*map(asyncio.shield, begun))
        return [encoded(self._execution, outcome) for outcome in outcomes]

    def pieces(self, payloads: Sequence[bytes], length: int) -> list[bytes]:
        """The parts of these payloads' frames that all members with ids of one length share."""
        if payloads is self._payloads and length in self._pieces:
            return self._pieces[length]
        if payloads is not self._payloads:
            self._payloads, self._pieces = payloads, {}
        found = self._pieces[length] = wire.pieces(payloads, length)
        return found


class RoomStream(Stream):
    """One operation's membership in a group."""

    __slots__ = ("_batch", "encoder", "operation")

    def __init__(
        self, service: Service, room: Room, key: Hashable, encoder: Encoder, operation: Operation
    ) -> None:
        super().__init__(service.connections.group(room, key, encoder.encode), operation.listener)
        self.encoder, self.operation = encoder, operation
        self._batch = operation.framing.batch

    def add_follower(self) -> None:
        super().add_follower()
        self.encoder.members.add(self)

    def drop_follower(self) -> None:
        self.encoder.members.discard(self)
        super().drop_follower()

    def wrap(self, payloads: Sequence[bytes], last: int) -> bytes:
        return self._batch(self.encoder, payloads, last)

    def take(self, payloads: Sequence[bytes], last: int) -> None:
        super().take(payloads, last)
        if len(payloads) > 1:
            # A batch is written at once: little more would be joined with it, and memory for 500
            # waiting copies costs more than the writes.
            self.subscriber.flush()

    def on_error(self, error: Exception) -> None:
        self.operation.fail(error)

    def leave(self) -> None:
        self.subscriber.unfollow(self)

    def lose(self, error: ChatError) -> None:
        """End the operation, as the user may no longer read the room."""
        self.operation.refuse(error)


StreamT = TypeVar("StreamT", bound=RoomStream)


class Groups:
    """The groups of all rooms."""

    def __init__(self, execution: Execution, service: Service) -> None:
        self._execution, self._service = execution, service
        self._encoders: WeakValueDictionary[tuple[str, GroupKey], Encoder] = WeakValueDictionary()

    def stream(
        self,
        room: Room,
        selection: Selection,
        executor: EventExecutor,
        operation: Operation,
        kind: type[StreamT],
    ) -> StreamT:
        """A stream for an operation, in the group that it belongs to."""
        user = operation.listener.user
        key = GroupKey(
            selection.text,
            _encoded_variables(selection, executor),
            user.id if user and selection.is_personal else None,
        )
        encoder = self._encoders.get((room.id, key))
        if encoder is None:
            encoder = Encoder(
                self._execution,
                self._service,
                executor,
                shows_messages=selection.shows_messages,
            )
            self._encoders[room.id, key] = encoder
        return kind(self._service, room, key, encoder, operation)

    def sizes(self) -> list[int]:
        """Number of members of each group."""
        return [len(encoder.members) for encoder in list(self._encoders.values())]


def encoded(execution: Execution, outcome: ExecutionResult) -> bytes:
    """The result of an event. Raises `StoreUnavailable`; then the event is executed again."""
    for error in outcome.errors or ():
        if isinstance(error.original_error, StoreUnavailable):
            raise error.original_error
    return msgspec.json.encode(execution.result(outcome))


def encoded_data(data: object) -> bytes:
    """The same for what a plan gave."""
    return b'{"data":%b}' % msgspec.json.encode(data)


def _encoded_variables(selection: Selection, executor: EventExecutor) -> bytes:
    values = executor.variable_values.coerced
    chosen = {name: values[name] for name in selection.variables & values.keys()}
    return msgspec.json.encode(chosen, order="deterministic", enc_hook=repr)
