"""Executes a compiled selection for many objects at once: a column of values for each field, then rows of them.

`plan` compiles selections. Where something is not as expected, an exception ends the execution, and graphql-core
executes the operation from the beginning: it knows how errors are reported.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice, starmap
from types import CoroutineType, NoneType
from typing import Any, NamedTuple, Protocol

import msgspec
from graphql import Undefined
from graphql.execution.values import VariableValues
from graphql.pyutils import gather_with_cancel

from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.leaves import INT_MOST, Read
from chatserver_plugins.graphql.turns import Pace

FIELDS_AT_ONCE = 16  # take the time of one field that graphql-core resolves
ROW_TYPES = 500  # of 3 KB, kept for plans to come
FEW = 4  # values that are checked one by one

Values = list[Any]
# Yields what has to be awaited, is sent its result, and returns a value for each object.
Steps = Generator[Awaitable[Any], Any, Values]
Resolve = Callable[..., Any]


class NotPlanned(Exception):
    """The operation, or a value that it found, is left to graphql-core."""


class Run:
    """One execution of a plan. Resolvers get it as their `info`."""

    __slots__ = ("context", "may_wait", "most", "pace", "resolved", "variables")

    def __init__(
        self,
        context: Asking,
        pace: Pace,
        *,
        variables: VariableValues,
        most: float,
        may_wait: bool = True,
    ) -> None:
        """After `most` fields nothing more is resolved. Unless it `may_wait`, nothing is awaited."""
        self.context, self.pace, self.variables = context, pace, variables
        self.most, self.may_wait = most, may_wait
        self.resolved = 0

    def count(self, fields: int) -> int:
        """Count fields before they are resolved; returns the time they take, in fields of graphql-core."""
        self.resolved += fields
        if self.resolved > self.most:
            raise NotPlanned
        work = 1 + fields // FIELDS_AT_ONCE
        self.pace.left -= work
        self.pace.keep_turning()
        return work


class Column(NamedTuple):
    """A selected field: `read` gives its values at once, or else `steps` in steps."""

    name: str
    read: Callable[[Sequence[Any]], Values] | None
    steps: Callable[[Sequence[Any], Run], Steps] | None = None


class Shape:
    """The selected fields of the objects of one type."""

    __slots__ = ("_columns", "_row")

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._row = row_type(tuple(column.name for column in columns))

    def rows(self, parents: Sequence[Any], run: Run) -> Steps:
        """An object of the answer for each parent."""
        if not parents:
            return []
        work = run.count(len(parents) * len(self._columns))
        if run.may_wait and run.pace.is_overdrawn:
            yield run.pace.turn(run.context.activity, work)
        # What can be read at once is read before anything waits, so that no object is half of a later moment.
        found = [[] if read is None else read(parents) for _, read, _ in self._columns]
        for place, (_, _, steps) in enumerate(self._columns):
            if steps is not None:
                found[place] = yield from steps(parents, run)
        if not found:  # all fields are skipped
            return [{} for _ in parents]
        return [*starmap(self._row, zip(*found, strict=True))]


@lru_cache(ROW_TYPES)
def row_type(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """Objects of an answer with fields of these names, which are made and encoded in less time than dictionaries."""
    fields = {f"field{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct("Row", [*fields], rename=fields, frozen=True, gc=False)


class Completion(Protocol):
    """Makes what resolvers gave for one field into values of the answer."""

    def complete(self, values: Values, run: Run) -> Steps: ...


class Leaf:
    """Scalars and enums."""

    def __init__(
        self, coerce: Callable[[Any], Any], plain: type | None, *, is_required: bool
    ) -> None:
        """Values of the type `plain`, if there is one, go unchanged into the answer: see `are_plain`."""
        self._coerce, self._plain, self._is_required = coerce, plain, is_required

    def complete(self, values: Values, run: Run) -> Steps:
        yield from ()
        if are_plain(values, self._plain):
            return values
        return [self._completed(value) for value in values]

    def _completed(self, value: Any) -> Any:
        if value is None and not self._is_required:
            return None
        if value is None or value is Undefined or isinstance(value, Exception):
            raise NotPlanned
        coerced = self._coerce(value)
        if coerced is None or coerced is Undefined:
            raise NotPlanned
        return coerced


class Objects:
    """Objects of one type."""

    def __init__(self, shape: Shape, *, is_required: bool) -> None:
        self._shape, self._is_required = shape, is_required

    def complete(self, values: Values, run: Run) -> Steps:
        present = [value for value in values if value is not None]
        if len(present) == len(values):
            return (yield from self._shape.rows(values, run))
        if self._is_required:
            raise NotPlanned
        rows = iter((yield from self._shape.rows(present, run)))
        return [None if value is None else next(rows) for value in values]


class Kinds:
    """Objects of an interface or union, whose type depends on their class."""

    def __init__(
        self,
        shapes: Mapping[str, Shape | None],
        type_of: Callable[[Any], str],
        *,
        is_required: bool,
    ) -> None:
        """`shapes` by name of the type; None if its objects are left to graphql-core."""
        self._shapes, self._type_of, self._is_required = shapes, type_of, is_required

    def complete(self, values: Values, run: Run) -> Steps:
        places: dict[type, list[int]] = {}
        for place, value in enumerate(values):
            places.setdefault(type(value), []).append(place)
        completed: Values = [None] * len(values)
        for kind, own in places.items():
            if kind is NoneType:
                if self._is_required:
                    raise NotPlanned
                continue
            shape = self._shapes[self._type_of(values[own[0]])]
            if shape is None:
                raise NotPlanned
            rows = yield from shape.rows([values[place] for place in own], run)
            for place, row in zip(own, rows, strict=True):
                completed[place] = row
        return completed


class Listed:
    """Lists, of which all items are completed together."""

    def __init__(self, item: Completion, *, is_required: bool) -> None:
        self._item, self._is_required = item, is_required

    def complete(self, values: Values, run: Run) -> Steps:
        lists = [value for value in values if value is not None]
        if len(lists) < len(values) and self._is_required:
            raise NotPlanned
        if not all(isinstance(each, list | tuple) for each in lists):
            raise NotPlanned
        items = yield from settled(list(chain.from_iterable(lists)), run)
        completed = iter((yield from self._item.complete(items, run)))
        return [None if value is None else [*islice(completed, len(value))] for value in values]


def constant(value: str) -> Callable[[Sequence[Any]], Values]:
    return lambda parents: [value] * len(parents)


def attribute(get: Read, read: Read, plain: type | None) -> Callable[[Sequence[Any]], Values]:
    """Reads an attribute whose values, if they `are_plain`, go unchanged into the answer. Others `read` handles."""

    def values(parents: Sequence[Any]) -> Values:
        if plain is None or len(parents) < FEW:
            return [*map(read, parents)]
        found = [*map(get, parents)]
        return found if are_plain(found, plain) else [*map(read, parents)]

    return values


def are_plain(values: Values, kind: type | None) -> bool:
    """Whether all values are of the type `kind`, and numbers as large as GraphQL knows them."""
    if not values or set(map(type, values)) != {kind}:
        return False
    return kind is not int or (min(values) >= -INT_MOST and max(values) <= INT_MOST)


def selected(get: Read, completion: Completion) -> Callable[[Sequence[Any], Run], Steps]:
    """Reads an attribute of each parent that is not plain."""
    return lambda parents, run: completion.complete([*map(get, parents)], run)


def resolved(
    resolve: Resolve, arguments: Callable[[Run], Mapping[str, Any]], completion: Completion
) -> Callable[[Sequence[Any], Run], Steps]:
    """Calls a resolver for each parent."""

    def steps(parents: Sequence[Any], run: Run) -> Steps:
        given = arguments(run)
        found = [resolve(parent, run, **given) for parent in parents]
        values = yield from settled(found, run)
        return (yield from completion.complete(values, run))

    return steps


def resolved_for_all(
    resolve: Resolve, arguments: Callable[[Run], Mapping[str, Any]], completion: Completion
) -> Callable[[Sequence[Any], Run], Steps]:
    """Calls a resolver once for all parents."""

    def steps(parents: Sequence[Any], run: Run) -> Steps:
        (found,) = yield from settled([resolve(parents, run, **arguments(run))], run)
        values = yield from settled(found, run)
        return (yield from completion.complete(values, run))

    return steps


def settled(values: Values, run: Run) -> Steps:
    """The values, in place of what must be awaited its results."""
    if not any(issubclass(kind, AWAITABLE) for kind in set(map(type, values))):
        return values
    if not run.may_wait:
        for value in values:
            if isinstance(value, CoroutineType):
                value.close()
        raise NotPlanned
    awaited: Values = yield _gathered(values)
    return awaited


async def _gathered(values: Values) -> Values:
    places = [place for place, value in enumerate(values) if isinstance(value, AWAITABLE)]
    if len(places) == 1:
        done: Iterable[Any] = [await values[places[0]]]
    else:
        done = await gather_with_cancel(*(values[place] for place in places))
    for place, value in zip(places, done, strict=True):
        values[place] = value
    return values


AWAITABLE = (CoroutineType, asyncio.Future)


async def finished(steps: Steps) -> Values:
    """What the steps return, after what they wait for."""
    try:
        waited = next(steps)
        while True:
            waited = steps.send(await waited)
    except StopIteration as end:
        values: Values = end.value
        return values


def at_once(steps: Steps) -> Values:
    """What steps return that do not wait."""
    try:
        next(steps)
    except StopIteration as end:
        values: Values = end.value
        return values
    raise NotPlanned
