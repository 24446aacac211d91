"""Executes large operations in parts, between which the loop does other work.

graphql-core resolves everything in memory at once, and everything that awaited one result in one turn of the
loop: ten thousand fields would block all users for a tenth of a second. `turns` decides how much is done in
each turn.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Iterable, Sequence
from typing import Any, Self, TypeGuard, cast

from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Path

from chatserver_plugins.graphql.costs import SCHEMA_FIELD
from chatserver_plugins.graphql.leaves import Leaves
from chatserver_plugins.graphql.tracing import RootSpans
from chatserver_plugins.graphql.turns import PART_FIELDS, Pace


class PacedExecutor(Executor[Any]):
    """Executes one operation at the common pace, and counts resolved fields."""

    def __init__(
        self, *arguments: Any, pace: Pace, leaves: Leaves, most: float, **named: Any
    ) -> None:
        """After `most` fields nothing more is resolved, and `is_too_much` is true."""
        super().__init__(*arguments, **named)
        self.pace, self._leaves, self.most = pace, leaves, most
        self.resolved = 0.0  # fields; those of the schema count for less
        self.worked = 0  # fields, and items of lists
        self.parts = 0  # of nested lists that are being completed

    @classmethod
    def made(cls, *arguments: Any, **named: Any) -> Self | list[GraphQLError]:
        """Like `build`, with a precise type."""
        return cast("Self | list[GraphQLError]", cls.build(*arguments, **named))

    def start(self) -> ExecutionResult | Awaitable[ExecutionResult]:
        self.pace.keep_turning()
        return cast("ExecutionResult | Awaitable[ExecutionResult]", self.execute_operation())

    @property
    def is_too_much(self) -> bool:
        return self.resolved > self.most

    def work(self, amount: int = 1) -> None:
        self.worked += amount
        self.pace.left -= amount

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: None,
    ) -> Any:
        """Read plain attributes directly; graphql-core resolves the rest."""
        self._count(parent_type, len(grouped_field_set))
        readers = self._leaves.of(parent_type.name)
        results: dict[str, Any] = {}
        rest: GroupedFieldSet = {}
        for name, details in grouped_field_set.items():
            try:
                results[name] = readers[details[0].node.name.value](source_value)
            except Exception:
                results[name] = None  # keeps the field's place
                rest[name] = details
        if not rest:
            return results
        awaited: list[str] = []
        try:
            for name, details in rest.items():
                place = Path(path, name, parent_type.name)
                found = self.execute_field(
                    parent_type, source_value, details, place, position_context
                )
                results[name] = found
                if self.is_awaitable(found):
                    awaited.append(name)
        except Exception:
            if awaited:
                self.settle_in_background([results[name] for name in awaited])
            raise
        return _completed(results, awaited) if awaited else results

    def execute_fields_serially(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: None,
    ) -> Any:
        self._count(parent_type, len(grouped_field_set))
        return super().execute_fields_serially(
            parent_type, source_value, path, grouped_field_set, position_context
        )

    def _count(self, parent_type: GraphQLObjectType, fields: int) -> None:
        """Count the fields of an object together, as single counts would take a quarter of a small query."""
        self.resolved += fields * (SCHEMA_FIELD if parent_type.name[:2] == "__" else 1)
        self.work(fields)

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: None,
    ) -> Any:
        if self.is_too_much:
            return {}
        if self.pace.is_overdrawn:
            return self._execute_later(return_type, field_details_list, path, result)
        self.pace.keep_turning()
        return super().collect_and_execute_subfields(
            return_type, field_details_list, path, result, position_context
        )

    async def _execute_later(
        self, kind: GraphQLObjectType, selected: FieldDetailsList, path: Path, value: Any
    ) -> Any:
        await self.pace.turn(
            self.context_value.activity,
            len(self.collect_subfields(kind, selected).grouped_field_set),
        )
        if self.is_too_much:
            return {}
        done = super().collect_and_execute_subfields(kind, selected, path, value, None)
        return await done if self.is_awaitable(done) else done

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: None,
    ) -> Any:
        listed = _List(self, item_type, field_details_list, info, path, items)
        pace = self.pace
        is_due = pace.is_free or (self.parts > 0 and not pace.is_overdrawn)
        if is_due and listed.complete_some(max(pace.left, PART_FIELDS)):
            return listed.gathered() if listed.awaited else listed.results
        return listed.finish()


class TracedExecutor(PacedExecutor):
    """A `PacedExecutor` with a span around each root field."""

    def __init__(self, *arguments: Any, spans: RootSpans, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._spans = spans

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: None,
    ) -> Any:
        execute = super().execute_field
        if path.prev is not None:
            return execute(parent_type, source, field_details_list, path, position_context)
        return self._spans.around(
            str(path.key),
            lambda: execute(parent_type, source, field_details_list, path, position_context),
        )


async def _completed(results: dict[str, Any], awaited: Sequence[str]) -> dict[str, Any]:
    found = await _all([results[name] for name in awaited])
    results.update(zip(awaited, found, strict=True))
    return results


async def _all(awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
    """The results. When one fails, or the caller is cancelled, the others are cancelled, after each has begun.

    `gather`, and so graphql-core, also cancels those that have not, and Python warns of each coroutine that they hold.
    """
    if len(awaitables) < 2:
        return [await each for each in awaitables]
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        return [task.result() for task in tasks if task.done()]  # all are, or one of these raises
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class _List:
    """A list whose items are completed in parts that the pace allows."""

    def __init__(
        self,
        executor: PacedExecutor,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
    ) -> None:
        self.results: list[Any] = []
        self.awaited: list[int] = []  # indexes of results that must be awaited
        self._executor, self._items = executor, iter(items)
        self._item_type, self._selected = item_type, field_details_list
        self._info, self._path = info, path

    def complete_some(self, fields: int) -> bool:
        """Complete items until about `fields` fields were resolved; true at the end of the list."""
        executor = self._executor
        until = executor.worked + fields
        executor.parts += 1
        try:
            for item in self._items:
                executor.work()
                self._complete(item)
                if executor.worked >= until:
                    return executor.is_too_much
        except Exception:
            # A non-null item failed: the whole list fails, and its started results are awaited.
            rest = [self.results[place] for place in self.awaited]
            rest += [item for item in self._items if executor.is_awaitable(item)]
            if rest:
                executor.settle_in_background(rest)
            raise
        finally:
            executor.parts -= 1
        return True

    async def finish(self) -> list[Any]:
        executor = self._executor
        while True:
            await executor.pace.turn(executor.context_value.activity, PART_FIELDS)
            if self.complete_some(PART_FIELDS):
                return await self.gathered()

    async def gathered(self) -> list[Any]:
        done = await _all([self.results[place] for place in self.awaited])
        for place, result in zip(self.awaited, done, strict=True):
            self.results[place] = result
        return self.results

    def _complete(self, item: Any) -> None:
        executor, place = self._executor, len(self.results)
        path = self._path.add_key(place, None)
        if executor.is_awaitable(item):
            self.results.append(
                executor.complete_awaitable_list_item_value(
                    item, self._item_type, self._selected, self._info, path, None
                )
            )
            self.awaited.append(place)
        elif executor.complete_list_item_value(
            item, self.results, self._item_type, self._selected, self._info, path, None
        ):
            self.awaited.append(place)


def is_no_list(value: object) -> TypeGuard[AsyncIterable[Any]]:
    """False: this schema has no asynchronous lists."""
    return False
