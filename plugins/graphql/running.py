"""Runs the operations of lasting connections."""

import asyncio
from collections.abc import Callable

import msgspec
from loguru import logger

from chatserver import ChatError
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.execution import Execution
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.subscriptions import Subscriptions


class Runner:
    """Runs operations of all types."""

    def __init__(self, execution: Execution, subscriptions: Subscriptions) -> None:
        self._execution, self._subscriptions = execution, subscriptions

    def start(
        self,
        operation: Operation,
        params: Params,
        asking: Callable[[], Asking],
        *,
        after: int | None = None,
        only_queries: bool = False,
    ) -> None:
        """Start an operation and return at once.

        `after` is the seq after which a room's events resume, if the transport knows it. `only_queries`
        refuses mutations.
        """
        run = self._run(operation, params, asking, after, only_queries)
        operation.task = asyncio.create_task(run)

    async def _run(
        self,
        operation: Operation,
        params: Params,
        asking: Callable[[], Asking],
        after: int | None,
        only_queries: bool,
    ) -> None:
        execution = self._execution
        try:
            who = asking()
            ready = await execution.prepare(params, who)
            kind = ready.operation.type.value
            if kind == "mutation" and only_queries:
                raise Refused("graphql.get")
            execution.charge(who, ready)
            if kind == "subscription":
                await self._subscriptions.open(operation, ready, who, after)
                execution.measures.subscribed(ready.operation.name)
            else:
                result = await execution.run(ready, who, execution.deadline())
                operation.next(msgspec.json.encode(result))
                operation.complete()
        except Refused as error:
            execution.measures.refused(error.code)
            operation.refuse(error)
        except ChatError as error:
            operation.refuse(error)
        except Exception as error:
            logger.opt(exception=error).error("plugin graphql: an operation failed")
            operation.fail(error)
        finally:
            operation.task = None
