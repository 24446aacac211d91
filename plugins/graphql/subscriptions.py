"""The fields of `Subscription`: from a valid operation to what feeds it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Collection
from typing import Any, NamedTuple

import msgspec
from graphql import ExecutionResult, Executor, GraphQLError
from graphql.execution import get_argument_values

from chatserver import Feed, Room, Service
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.execution import Execution, Ready
from chatserver_plugins.graphql.groups import Groups, begun, build_executor, execute_event
from chatserver_plugins.graphql.inputs import position
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.selections import Selection, Selections


class StreamGap(NamedTuple):
    """What is missing cannot be served."""

    head: int | None
    epoch: str


def resolve_event(parent: object, info: Any, **arguments: object) -> object:
    """Of a field of `Subscription`: what is executed is given the event."""
    return parent


class Subscriptions:
    """Opens them."""

    def __init__(self, execution: Execution, service: Service, resolved: Collection[str]) -> None:
        self._execution, self._service = execution, service
        self._selections = Selections(execution.schema, resolved)
        self.groups = Groups(execution, service)

    async def open(
        self, operation: Operation, ready: Ready, asking: Asking, after: int | None
    ) -> None:
        """Feed an operation. `after` counts before the one that it has. Raises `ChatError`."""
        asking.user  # noqa: B018 - raises if nobody is signed in
        selection = self._selections.of(ready.document, ready.operation)
        executor = build_executor(self._execution, ready)
        if isinstance(executor, list):
            raise Refused("graphql.variables", errors=executor)
        arguments = self._arguments(selection, executor)
        match selection.field.name.value:
            case "roomEvents":
                if after is not None:
                    arguments["after"] = after
                await self._room_events(operation, selection, executor, **arguments)
            case "userEvents":
                source = UserEvents(self._execution, self._service, executor, operation)
                operation.source = source
                operation.listener.user_sources.add(source)
            case name:
                raise Refused("graphql.operation", f"Nothing feeds {name}.")

    def _arguments(self, selection: Selection, executor: "Executor[Any]") -> dict[str, Any]:
        root = self._execution.schema.subscription_type
        assert root is not None
        field = root.fields[selection.field.name.value]
        try:
            return get_argument_values(field, selection.field, executor.variable_values)
        except GraphQLError as error:
            raise Refused("graphql.variables", errors=[error]) from error

    async def _room_events(
        self,
        operation: Operation,
        selection: Selection,
        executor: "Executor[Any]",
        *,
        room_id: str,
        after: int | None = None,
        epoch: str | None = None,
    ) -> None:
        def feed(room: Room) -> Feed:
            stream = self.groups.stream(room, selection, executor, operation)
            operation.source = stream
            return stream

        followed = await self._service.following.follow_feed(
            operation.listener, room_id, position("after", after), epoch, feed
        )
        if followed.state == "gap":
            gap = StreamGap(followed.head, self._service.epoch)
            asking = Asking(self._service, user=operation.listener.user)
            made = execute_event(executor, gap, asking)
            outcome = await asyncio.shield(begun(made, self._execution.config.seconds))
            operation.next(msgspec.json.encode(self._execution.result(outcome)))
            operation.complete()


class UserEvents:
    """What one subscription tells of the user: each thing in turn, though resolvers may await."""

    def __init__(
        self,
        execution: Execution,
        service: Service,
        executor: "Executor[Any]",
        operation: Operation,
    ) -> None:
        self._execution, self._service = execution, service
        self._executor, self._operation = executor, operation
        self._waiting: deque[object] = deque()
        self._task: asyncio.Task[None] | None = None

    def take(self, event: object) -> None:
        if self._task is not None:
            self._waiting.append(event)
            if len(self._waiting) > self._execution.config.queue:
                self._waiting.clear()
                self._waiting.append(self._gap())
            return
        made = self._execute(event)
        if isinstance(made, ExecutionResult):
            self._say(made)
        else:
            self._task = asyncio.create_task(self._run(self._begun(made)))

    def skip(self) -> None:
        self.take(self._gap())

    def leave(self) -> None:
        self._operation.listener.user_sources.discard(self)
        if self._task is not None:
            self._task.cancel()

    async def _run(self, outcome: "asyncio.Future[ExecutionResult]") -> None:
        try:
            self._say(await asyncio.shield(outcome))
            while self._waiting:
                outcome = self._begun(self._execute(self._waiting.popleft()))
                self._say(await asyncio.shield(outcome))
        except Exception as error:
            self._operation.fail(error)
        finally:
            self._task = None

    def _execute(self, event: object) -> ExecutionResult | Awaitable[ExecutionResult]:
        asking = Asking(self._service, user=self._operation.listener.user)
        return execute_event(self._executor, event, asking)

    def _begun(
        self, made: "ExecutionResult | Awaitable[ExecutionResult]"
    ) -> "asyncio.Future[ExecutionResult]":
        return begun(made, self._execution.config.seconds)

    def _say(self, outcome: ExecutionResult) -> None:
        self._operation.next(msgspec.json.encode(self._execution.result(outcome)))

    def _gap(self) -> StreamGap:
        return StreamGap(None, self._service.epoch)
