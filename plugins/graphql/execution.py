"""Executing operations: all doors of the plugin come through here."""

import asyncio
import time
from collections.abc import Mapping
from types import CoroutineType
from typing import Any, NamedTuple, TypeGuard

from graphql import ExecutionResult, GraphQLSchema, execute

from chatserver import Measures
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.documents import Document, Documents, Operation
from chatserver_plugins.graphql.errors import Refused, shown
from chatserver_plugins.graphql.limits import Costs
from chatserver_plugins.graphql.measures import OperationMeasures
from chatserver_plugins.graphql.tracing import Tracing

Result = dict[str, Any]  # data, errors, extensions


class Ready(NamedTuple):
    """An operation that may be executed: valid, within the limits."""

    document: Document
    operation: Operation
    variables: Mapping[str, Any]


class Execution:
    """One schema, with all that is kept about its documents."""

    def __init__(
        self,
        schema: GraphQLSchema,
        costs: Mapping[str, int],
        config: GraphQLConfig,
        measures: Measures,
        *,
        debug: bool,
    ) -> None:
        self.schema, self.config, self.debug = schema, config, debug
        self.documents = Documents(schema, config)
        self.measures = OperationMeasures(measures)
        self._costs = Costs(schema, costs)
        self._tracing = Tracing(config.opentelemetry)

    def prepare(
        self,
        text: str | None,
        variables: Mapping[str, Any] | None = None,
        name: str | None = None,
        *,
        document: str | None = None,
    ) -> Ready:
        """`text` is the document, or `document` the id of a known one. Raises `Refused`."""
        found = (
            self.documents.get(text or "") if document is None else self.documents.known(document)
        )
        operation = found.operation(name)
        given = variables or {}
        cost = self._costs.of(operation.node, found.fragments, given)
        if cost > self.config.cost:
            raise Refused("graphql.cost", detail={"cost": cost, "limit": self.config.cost})
        return Ready(found, operation, given)

    def deadline(self) -> float:
        """By when (the loop's time) what begins now must have ended."""
        return asyncio.get_running_loop().time() + self.config.seconds

    async def run(self, ready: Ready, asking: Asking, until: float) -> Result:
        """The result of a query or a mutation. Raises `Refused` graphql.variables, graphql.time."""
        operation = ready.operation
        started = time.perf_counter()
        outcome = None
        try:
            outcome = await self._execute(ready, asking, until)
        except TimeoutError as error:
            raise Refused("graphql.time") from error
        finally:
            self.measures.executed(
                operation.name,
                operation.type.value,
                time.perf_counter() - started,
                failed=outcome is None or bool(outcome.errors),
            )
        return self.result(outcome)

    def result(self, outcome: ExecutionResult) -> Result:
        """What graphql-core made, as it is sent. Raises `Refused` if nothing was executed."""
        if not outcome.errors:
            return {"data": outcome.data}
        if outcome.data is None and all(error.path is None for error in outcome.errors):
            raise Refused("graphql.variables", errors=outcome.errors)
        errors = [shown(error, self.debug) for error in outcome.errors]
        return {"data": outcome.data, "errors": errors}

    async def _execute(self, ready: Ready, asking: Asking, until: float) -> ExecutionResult:
        with self._tracing.operation(ready.operation, asking) as middleware:
            made = execute(
                self.schema,
                ready.document.node,
                context_value=asking,
                variable_values=dict(ready.variables),
                operation_name=ready.operation.name or None,
                middleware=middleware,
                is_awaitable=is_awaitable,
                hide_suggestions=not self.config.introspection,
            )
            if isinstance(made, ExecutionResult):
                return made
            async with asyncio.timeout_at(until):
                return await made


def is_awaitable(value: object) -> TypeGuard[Any]:
    """Resolvers return coroutines and futures; graphql-core's own test looks at much more."""
    return isinstance(value, CoroutineType | asyncio.Future)
