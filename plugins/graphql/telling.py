"""Executes and sends the results of a single subscription, one at a time."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from graphql import ExecutionResult

from chatserver import Service
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.events import EventExecutor, begun, execute_event
from chatserver_plugins.graphql.execution import Execution
from chatserver_plugins.graphql.operations import Operation


class Teller:
    """Keeps the order, even if resolvers await. Its owner queues further events meanwhile."""

    def __init__(
        self,
        execution: Execution,
        service: Service,
        executor: EventExecutor,
        operation: Operation,
    ) -> None:
        self._execution, self._service = execution, service
        self._executor, self._operation = executor, operation
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def tell(self, next: Callable[[], object | None]) -> None:
        """Send the results of `next` until it returns None; at once if no resolver awaits."""
        while self._task is None and (event := next()) is not None:
            made = self._execute(event)
            if isinstance(made, ExecutionResult):
                self._say(made)
            else:
                self._task = asyncio.create_task(self._run(self._begun(made), next))

    async def say(self, event: object) -> None:
        """Send the result of one event. For owners that never call `tell`."""
        made = self._execute(event)
        self._say(
            made if isinstance(made, ExecutionResult) else await asyncio.shield(self._begun(made))
        )

    def leave(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(
        self, outcome: "asyncio.Future[ExecutionResult]", next: Callable[[], object | None]
    ) -> None:
        try:
            self._say(await asyncio.shield(outcome))
            while (event := next()) is not None:
                outcome = self._begun(self._execute(event))
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
