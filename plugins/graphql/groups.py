"""Executing a room's events once for all subscriptions that select the same.

The group itself is the core's (`chatserver.Group`): it says when which events are executed, and for
whom. Here they are, and the frames of a group's members, which differ by the operation's id alone.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Hashable, Sequence
from typing import Any, NamedTuple, TypeGuard, TypeVar, cast
from weakref import WeakValueDictionary

import msgspec
from graphql import ExecutionResult, Executor, GraphQLError, GraphQLObjectType
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList

from chatserver import AnyEvent, ChatError, MessagePosted, Room, Service, StoreUnavailable, Stream
from chatserver_plugins.graphql import wire
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.execution import Execution, Ready, is_awaitable
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.selections import Selection


class Key(NamedTuple):
    """Who has the same one is given the same."""

    text: str
    variables: bytes
    user: str | None  # where the result depends on it


class Encoder:
    """What a group executes, and who may be asked for whose rights."""

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
        executor: "Executor[Asking]",
        *,
        shows_messages: bool,
    ) -> None:
        self._shows_messages = shows_messages
        self.members: set[RoomStream] = set()  # those that catch up too
        self._execution, self._service, self._executor = execution, service, executor
        self._payloads: Sequence[bytes] = ()
        self._pieces: dict[int, list[bytes]] = {}

    def encode(self, events: Sequence[AnyEvent]) -> Sequence[bytes] | Awaitable[list[bytes]]:
        """A result for each event. Awaits only where a resolver does.

        Raises `StoreUnavailable`, and `TimeoutError` where it takes too long.
        """
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
        """What members with ids of one length share of the frames of these payloads."""
        if payloads is self._payloads and length in self._pieces:
            return self._pieces[length]
        if payloads is not self._payloads:
            self._payloads, self._pieces = payloads, {}
        found = self._pieces[length] = wire.pieces(payloads, length)
        return found


class RoomStream(Stream):
    """One operation's part in a group."""

    __slots__ = ("_batch", "encoder", "operation")

    def __init__(
        self, service: Service, room: Room, key: Hashable, encoder: Encoder, operation: Operation
    ) -> None:
        super().__init__(service.hub.group(room, key, encoder.encode), operation.listener)
        self.encoder, self.operation = encoder, operation
        self._batch = operation.framing.batch

    def hold(self) -> None:
        super().hold()
        self.encoder.members.add(self)

    def release(self) -> None:
        self.encoder.members.discard(self)
        super().release()

    def wrap(self, payloads: Sequence[bytes], last: int) -> bytes:
        return self._batch(self.encoder, payloads, last)

    def take(self, payloads: Sequence[bytes], last: int) -> None:
        super().take(payloads, last)
        if len(payloads) > 1:
            # Little would be joined with it any more, and 500 copies at once cost more memory to
            # get than the write does.
            self.subscriber.flush()

    def on_error(self, error: Exception) -> None:
        self.operation.fail(error)

    def leave(self) -> None:
        self.subscriber.unfollow(self)

    def lose(self, error: ChatError) -> None:
        """The user may no longer read the room."""
        self.operation.refuse(error)


StreamT = TypeVar("StreamT", bound=RoomStream)


class EventExecutor(Executor[Asking]):
    """Executes one operation for any number of events.

    What a selection consists of is found out once. graphql-core's own memory of that knows it by a
    list that it makes anew for each event, so that it would grow and never help.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Shared with the copies that execute an event each. The document keeps the nodes alive.
        self._selected: dict[tuple[object, ...], CollectedFields] = {}

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        key = (return_type, *(id(details.node) for details in field_details_list))
        found = self._selected.get(key)
        if found is None:
            found = super().collect_subfields(return_type, field_details_list)
            self._selected[key] = found
        return found


class Groups:
    """The groups of all rooms."""

    def __init__(self, execution: Execution, service: Service) -> None:
        self._execution, self._service = execution, service
        self._encoders: WeakValueDictionary[tuple[str, Key], Encoder] = WeakValueDictionary()

    def stream(
        self,
        room: Room,
        selection: Selection,
        executor: "Executor[Asking]",
        operation: Operation,
        kind: type[StreamT],
    ) -> StreamT:
        """A place for an operation in the group that it belongs to."""
        user = operation.listener.user
        key = Key(
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
        """How many members each group has."""
        return [len(encoder.members) for encoder in list(self._encoders.values())]


def build_executor(execution: Execution, ready: Ready) -> "Executor[Asking] | list[GraphQLError]":
    """What executes each event of a subscription; or what is wrong with the variables."""
    return EventExecutor.build(
        execution.schema,
        ready.document.node,
        raw_variable_values=dict(ready.variables),
        operation_name=ready.operation.name or None,
        is_awaitable=is_awaitable,
        is_async_iterable=_is_no_list,
        hide_suggestions=not execution.config.introspection,
    )


def execute_event(
    executor: "Executor[Asking]", event: object, asking: Asking
) -> ExecutionResult | Awaitable[ExecutionResult]:
    once = executor.build_per_event_executor(event)
    once.context_value = asking
    return cast("ExecutionResult | Awaitable[ExecutionResult]", once.execute_operation(False))


def encoded(execution: Execution, outcome: ExecutionResult) -> bytes:
    """Raises `StoreUnavailable`: the event is then executed again."""
    for error in outcome.errors or ():
        if isinstance(error.original_error, StoreUnavailable):
            raise error.original_error
    return msgspec.json.encode(execution.result(outcome))


def begun(
    made: "ExecutionResult | Awaitable[ExecutionResult]", seconds: float
) -> "asyncio.Future[ExecutionResult]":
    """An execution under way; `TimeoutError` after so long.

    Who awaits it has to shield it: cancelled before it has begun, graphql-core would leave
    coroutines behind that never began.
    """
    future = asyncio.ensure_future(_awaited(made, seconds))
    future.add_done_callback(_look_at)
    return future


async def _awaited(
    made: "ExecutionResult | Awaitable[ExecutionResult]", seconds: float
) -> ExecutionResult:
    if isinstance(made, ExecutionResult):
        return made
    async with asyncio.timeout(seconds):
        return await made


def _look_at(future: "asyncio.Future[ExecutionResult]") -> None:
    """It may be that nobody wants to know any more; asyncio would complain of an error."""
    if not future.cancelled():
        future.exception()


def _is_no_list(value: object) -> TypeGuard[AsyncIterable[Any]]:
    """Nothing here is an asynchronous list."""
    return False


def _encoded_variables(selection: Selection, executor: "Executor[Asking]") -> bytes:
    values = executor.variable_values.coerced
    chosen = {name: values[name] for name in selection.variables & values.keys()}
    return msgspec.json.encode(chosen, order="deterministic", enc_hook=repr)
