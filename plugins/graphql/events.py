"""Executes the operation of a subscription, once for each event."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, cast

from graphql import ExecutionResult, Executor, GraphQLError, GraphQLObjectType
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList
from loguru import logger

from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.execution import Execution, Ready, is_awaitable
from chatserver_plugins.graphql.pace import PacedExecutor, is_no_list
from chatserver_plugins.graphql.plan import Plan


class EventExecutor(PacedExecutor):
    """Executes one operation for any number of events. Only long lists wait for their turn.

    The fields of a selection are collected once. graphql-core's own cache of them is keyed by a list that is
    new for each event, so it would only grow.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Shared with the copies that execute one event each. The document keeps the nodes alive.
        self.cost = 1  # of each event, at least
        self.plan: Plan | None = None
        self._selected: dict[tuple[object, ...], CollectedFields] = {}

    def collect_and_execute_subfields(self, *arguments: Any) -> Any:
        return {} if self.is_too_much else Executor.collect_and_execute_subfields(self, *arguments)

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        key = (return_type, *(id(details.node) for details in field_details_list))
        found = self._selected.get(key)
        if found is None:
            found = super().collect_subfields(return_type, field_details_list)
            self._selected[key] = found
        return found


def build_executor(execution: Execution, ready: Ready) -> EventExecutor | list[GraphQLError]:
    """An executor for a subscription's events, or the errors in its variables."""
    made = EventExecutor.made(
        execution.schema,
        ready.document.node,
        raw_variable_values=dict(ready.variables),
        operation_name=ready.operation.name or None,
        is_awaitable=is_awaitable,
        is_async_iterable=is_no_list,
        hide_suggestions=True,
        pace=execution.pace,
        leaves=execution.leaves,
        most=execution.most_resolved,
    )
    if isinstance(made, EventExecutor):
        made.cost = max(1, ready.cost.total)
        made.plan = execution.plans.of(ready.document, ready.operation, is_lasting=True)
    return made


def execute_at_once(
    executor: EventExecutor, events: Sequence[object], asking: Asking
) -> list[Any] | None:
    """The data of events by the operation's plan; None if it has none, or one of them is for `execute_event`."""
    if executor.plan is None:
        return None
    try:
        return executor.plan.data_of(events, asking, executor)
    except Exception as error:  # graphql-core alone waits, and reports errors
        logger.trace("plugin graphql: events are executed in the general way: {!r}", error)
        return None


def execute_event(
    executor: EventExecutor, event: object, asking: Asking
) -> ExecutionResult | Awaitable[ExecutionResult]:
    """The result of one event, or an error graphql.cost if it is too large."""
    planned = execute_at_once(executor, [event], asking)
    if planned is not None:
        return ExecutionResult(planned[0], None)
    once = cast("EventExecutor", executor.build_per_event_executor(event))
    once.context_value = asking
    asking.activity.pace = once.pace
    made = cast("ExecutionResult | Awaitable[ExecutionResult]", once.execute_operation(False))
    return _checked(once, made) if isinstance(made, ExecutionResult) else _awaited_once(once, made)


async def _awaited_once(once: EventExecutor, made: "Awaitable[ExecutionResult]") -> ExecutionResult:
    return _checked(once, await made)


def _checked(once: EventExecutor, outcome: ExecutionResult) -> ExecutionResult:
    if not once.is_too_much:
        return outcome
    refused = Refused("graphql.cost", "The selected part of this event is too large.")
    error = GraphQLError(refused.text, path=[], original_error=refused)
    return ExecutionResult(None, [error])


def begun(
    made: "ExecutionResult | Awaitable[ExecutionResult]", seconds: float
) -> "asyncio.Future[ExecutionResult]":
    """A running execution, which raises `TimeoutError` after `seconds`.

    The caller must shield it: if it is cancelled before it has begun, graphql-core leaves coroutines behind
    that never began.
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
    """Retrieve an error, or asyncio would log it if nobody waits any more."""
    if not future.cancelled():
        future.exception()
