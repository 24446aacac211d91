"""Executes operations, for all transports of the plugin."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from math import floor
from types import CoroutineType
from typing import Any, NamedTuple, TypeGuard
from weakref import WeakValueDictionary

import msgspec
from graphql import ExecutionResult, GraphQLSchema, OperationType
from loguru import logger

from chatserver import Measures
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.costs import PER_OPERATION, Cost, Costs
from chatserver_plugins.graphql.documents import Document, Documents, Operation
from chatserver_plugins.graphql.errors import Refused, shown
from chatserver_plugins.graphql.leaves import Leaves
from chatserver_plugins.graphql.limits import check_variables
from chatserver_plugins.graphql.measures import OperationMeasures
from chatserver_plugins.graphql.pace import PacedExecutor, TracedExecutor, is_no_list
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.persisted import Persisted
from chatserver_plugins.graphql.plan import Plan, Plans
from chatserver_plugins.graphql.reading import DocumentReader
from chatserver_plugins.graphql.scopes import Scopes
from chatserver_plugins.graphql.tracing import Tracing
from chatserver_plugins.graphql.turns import Pace

EVENTS = 10  # an event of a subscription may cost a tenth of an operation, as there are more events
LONGER = 2  # times the allowed cost may be resolved, if lists are unusually long
LARGE = 1000  # operations of this cost run one by one for each user
SHOWN_SCHEMAS = 8  # cached answers to schema queries, about 100 kB each

Result = dict[str, Any]  # data, errors, extensions


class Ready(NamedTuple):
    """An operation ready for execution: valid, and within the limits."""

    document: Document
    operation: Operation
    variables: Mapping[str, Any]
    cost: Cost


class Budget:
    """The limit on the total cost of one request's operations."""

    def __init__(self, limit: int) -> None:
        self.limit, self.left = limit, limit

    def take(self, cost: int) -> None:
        """Raises `Refused` graphql.cost."""
        if cost > self.left:
            raise Refused("graphql.cost", detail={"cost": cost, "limit": self.limit})
        self.left -= cost


class Execution:
    """One schema, with the caches of its documents."""

    def __init__(
        self,
        schema: GraphQLSchema,
        costs: Costs,
        scopes: Scopes,
        plans: Plans,
        config: GraphQLConfig,
        measures: Measures,
        *,
        debug: bool,
    ) -> None:
        self.schema, self.config, self.debug = schema, config, debug
        self.documents = Documents(schema, config)
        self.measures = OperationMeasures(measures)
        self._costs, self._scopes = costs, scopes
        self.pace, self.leaves = Pace(), Leaves(schema)
        self.plans = plans
        self._reader = DocumentReader(self.documents, Persisted(config.persisted_chars))
        self.most_resolved = LONGER * config.cost  # fields, of one operation or one event
        self._tracing = Tracing(config.opentelemetry)
        self._schemas: OrderedDict[int, tuple[Operation, ExecutionResult]] = OrderedDict()
        # By user or address: each one's large operations are executed one by one.
        self._large: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def prepare(self, params: Params, asking: Asking, budget: Budget | None = None) -> Ready:
        """The operation, ready to be executed. Raises `Refused`, `ChatError` limit.rate.

        Call `charge` before its execution. `budget` is that of the whole request.
        """
        return self.ready(await self._document(params, asking), params, asking, budget)

    def ready(
        self, found: Document, params: Params, asking: Asking, budget: Budget | None = None
    ) -> Ready:
        """Like `prepare`, for a parsed document."""
        operation = found.operation(params.name)
        self._scopes.demand(asking, operation)
        if operation.introspects and not self._shows_schema(asking):
            raise Refused("graphql.introspection")
        given = params.variables or {}
        check_variables(given)
        cost = self._costs.of(operation.node, found.fragments, given)
        if operation.is_fixed and id(operation.node) in self._schemas:
            cost = cost._replace(operations=1)
        if operation.type is OperationType.SUBSCRIPTION:
            budget = Budget(max(1, self.config.cost // EVENTS))
        (budget or self.budget()).take(cost.total)
        return Ready(found, operation, given, cost)

    async def kind(self, params: Params, asking: Asking) -> str:
        """The type of the operation: query, mutation or subscription. Raises `Refused`, `ChatError`."""
        found = await self._document(params, asking)
        return found.operation(params.name).type.value

    def budget(self) -> Budget:
        """A fresh budget for one request."""
        return Budget(self.config.cost)

    def charge(self, asking: Asking, *ready: Ready) -> None:
        """Count these operations in the rate of the user or address. Raises `ChatError` limit.rate.

        One operation was counted already, when the request came.
        """
        operations = sum(each.cost.operations for each in ready) - 1
        if operations > 0:
            asking.take(operations)

    def deadline(self) -> float:
        """The loop's time by which an operation that begins now must end."""
        return asyncio.get_running_loop().time() + self.config.seconds

    async def run(self, ready: Ready, asking: Asking, until: float) -> Result:
        """The result of a query or a mutation.

        Raises `Refused` graphql.variables, graphql.time, graphql.cost.
        """
        operation = ready.operation
        started = time.perf_counter()
        outcome, resolved = None, 0
        try:
            if ready.cost.total < LARGE:
                outcome, resolved = await self._execute(ready, asking, until)
            else:
                outcome, resolved = await self._execute_in_turn(ready, asking, until)
        except TimeoutError as error:
            raise Refused("graphql.time") from error
        finally:
            self.measures.executed(
                operation.name,
                operation.type.value,
                time.perf_counter() - started,
                failed=outcome is None or bool(outcome.errors),
            )
        result = self.result(outcome)
        result["extensions"] = {"cost": self._shown_cost(ready.cost, resolved, asking)}
        return result

    def result(self, outcome: ExecutionResult) -> Result:
        """The response for an outcome of graphql-core. Raises `Refused` if nothing was executed."""
        if not outcome.errors:
            return {"data": outcome.data}
        if outcome.data is None and all(error.path is None for error in outcome.errors):
            raise Refused("graphql.variables", errors=outcome.errors)
        errors = [shown(error, self.debug) for error in outcome.errors]
        return {"data": outcome.data, "errors": errors}

    async def _document(self, params: Params, asking: Asking) -> Document:
        hide_names = not self._shows_schema(asking)
        return await self._reader.document(params, asking, hide_names=hide_names)

    def _shows_schema(self, asking: Asking) -> bool:
        shown_to = self.config.introspection
        return shown_to == "all" or (shown_to == "signed_in" and asking.is_signed_in)

    # -- executing ---------------------------------------------------------------------------------

    async def _execute_in_turn(
        self, ready: Ready, asking: Asking, until: float
    ) -> tuple[ExecutionResult, int]:
        """Execute large operations one by one, as several together would make long turns of the loop."""
        lock = self._large.setdefault(asking.source, asyncio.Lock())
        async with asyncio.timeout_at(until):
            await lock.acquire()
        try:
            return await self._execute(ready, asking, until)
        finally:
            lock.release()

    async def _execute(
        self, ready: Ready, asking: Asking, until: float
    ) -> tuple[ExecutionResult, int]:
        """The outcome, and the number of fields resolved."""
        operation = ready.operation
        known = self._schemas.get(id(operation.node))
        if known is not None and known[0] is operation:
            return known[1], 0
        with self._tracing.operation(operation) as spans:
            plan = self.plans.of(ready.document, operation) if spans is None else None
            if plan is not None:
                planned = await self._execute_plan(plan, ready, asking, until)
                if planned is not None:
                    return planned
            kind, traced = (
                (PacedExecutor, {}) if spans is None else (TracedExecutor, {"spans": spans})
            )
            executor = kind.made(
                self.schema,
                ready.document.node,
                context_value=asking,
                raw_variable_values=dict(ready.variables),
                operation_name=operation.name or None,
                is_awaitable=is_awaitable,
                is_async_iterable=is_no_list,
                hide_suggestions=not self._shows_schema(asking),
                pace=self.pace,
                leaves=self.leaves,
                most=self.most_resolved,
                **traced,
            )
            if isinstance(executor, list):
                return ExecutionResult(None, executor), 0
            asking.activity.pace = self.pace
            outcome = executor.start()
            if not isinstance(outcome, ExecutionResult):
                async with asyncio.timeout_at(until):
                    outcome = await outcome
        resolved = int(executor.resolved)
        asking.owe(max(0, resolved - ready.cost.total) // PER_OPERATION)
        if executor.is_too_much:
            detail: dict[str, object] = {"cost": resolved, "limit": self.config.cost}
            raise Refused("graphql.cost", "The answer is too large.", detail=detail)
        if operation.is_fixed and not outcome.errors:
            outcome = self._keep_schema(operation, outcome)
        return outcome, resolved

    async def _execute_plan(
        self, plan: Plan, ready: Ready, asking: Asking, until: float
    ) -> tuple[ExecutionResult, int] | None:
        """As `_execute`; None if graphql-core has to execute the operation, as it alone reports errors."""
        asking.activity.pace = self.pace
        async with asyncio.timeout_at(until):
            try:
                data, resolved = await plan.data(
                    asking, ready.variables, self.pace, self.most_resolved
                )
            except Exception as error:
                name = ready.operation.name
                logger.debug("plugin graphql: {} is executed in the general way: {!r}", name, error)
                asking.refresh()
                return None
        asking.owe(max(0, resolved - ready.cost.total) // PER_OPERATION)
        return ExecutionResult(data, None), resolved

    def _keep_schema(self, operation: Operation, outcome: ExecutionResult) -> ExecutionResult:
        """Keep the answer encoded: as objects it would be half of all objects of a small server."""
        encoded: Any = msgspec.Raw(msgspec.json.encode(outcome.data))
        kept = ExecutionResult(encoded, None)
        self._schemas[id(operation.node)] = (operation, kept)
        if len(self._schemas) > SHOWN_SCHEMAS:
            self._schemas.popitem(last=False)
        return kept

    def _shown_cost(self, cost: Cost, resolved: int, asking: Asking) -> dict[str, int]:
        return {
            "requested": cost.total,
            "resolved": resolved,
            "limit": self.config.cost,
            "operations": cost.operations,
            "operationsLeft": max(0, floor(asking.operations_left)),
        }


def is_awaitable(value: object) -> TypeGuard[Any]:
    """Whether the value is a coroutine or future; graphql-core's own test is much slower."""
    return isinstance(value, CoroutineType | asyncio.Future)
