"""Attributes that are read directly give what graphql-core would give, and leave to it what is wrong."""

from types import SimpleNamespace
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLSchema,
    build_schema,
    execute_sync,
    is_object_type,
    parse,
)

from chatserver_plugins.graphql.execution import is_awaitable
from chatserver_plugins.graphql.leaves import Attribute, Leaves
from chatserver_plugins.graphql.pace import PacedExecutor, is_no_list
from chatserver_plugins.graphql.turns import Pace

SDL = """enum Colour { RED GREEN }
scalar Upper
type Thing {
  id: ID! name: String count: Int! ratio: Float open: Boolean! colour: Colour upper: Upper
  tags: [String!] inner: Thing later: String! shout(times: Int = 1): String
}
type Query { thing: Thing }"""
TEXT = "{ thing { first: name id kind: __typename later count ratio open inner { id name } colour upper tags shout } }"
GOOD: dict[str, Any] = {
    "id": "t1", "name": "a", "count": 3, "ratio": 0.5, "open": True, "colour": "RED", "upper": "x",
    "tags": ["b"], "shout": "!", "inner": SimpleNamespace(id="t2", name=None),
}  # fmt: skip
VALUES = {
    "a number as an id": {"id": 7},
    "a number as a text": {"name": 7},
    "nothing": {"name": None, "colour": None, "ratio": None},
    "nothing where something must be": {"id": None},
    "a number that is too large": {"count": 2**31},
    "the largest number": {"count": 2**31 - 1},
    "the smallest number": {"count": -(2**31)},
    "a number that is too small": {"count": -(2**31) - 1},
    "truth as a number": {"count": True},
    "a number as truth": {"open": 1},
    "a text as truth": {"open": "yes"},
    "an unknown colour": {"colour": "BLUE"},
    "an error as a value": {"name": ValueError("no")},
    "a list as a text": {"name": ["a"]},
    "a scalar that says no": {"upper": "no"},
}


def upper(value: str) -> str | None:
    return None if value == "no" else value.upper()


def schema() -> GraphQLSchema:
    made = build_schema(SDL)
    made.get_type("Upper").coerce_output_value = upper  # type: ignore[union-attr, method-assign]
    for name in ("Thing", "Query"):
        kind = made.get_type(name)
        assert is_object_type(kind)
        for field in kind.fields:
            kind.fields[field].resolve = Attribute(field)

    async def later(parent: object, info: object) -> str:
        return "later"

    thing = made.get_type("Thing")
    assert is_object_type(thing)
    thing.fields["later"].resolve = later
    thing.fields["shout"].resolve = lambda parent, info, times: parent.shout * times
    return made


async def both(values: dict[str, Any]) -> tuple[ExecutionResult, ExecutionResult]:
    """The results of graphql-core, and ours."""
    made, document = schema(), parse(TEXT)
    root = SimpleNamespace(thing=SimpleNamespace(**values))
    plain = TEXT.replace(" later", "")
    expected = execute_sync(made, parse(plain), root)
    executor = PacedExecutor.made(
        made,
        document,
        root_value=root,
        is_awaitable=is_awaitable,
        is_async_iterable=is_no_list,
        pace=Pace(),
        leaves=Leaves(made),
        most=1000,
    )
    assert isinstance(executor, PacedExecutor)
    outcome = executor.start()
    return expected, outcome if isinstance(outcome, ExecutionResult) else await outcome


def without_later(result: ExecutionResult) -> Any:
    if result.data and result.data["thing"]:
        assert result.data["thing"].pop("later") == "later"
    return result.data


@pytest.mark.parametrize("name", VALUES)
async def test_the_same_as_graphql_core(name: str) -> None:
    expected, found = await both(GOOD | VALUES[name])
    assert without_later(found) == expected.data
    messages = [(error.message, error.path) for error in expected.errors or ()]
    assert [(error.message, error.path) for error in found.errors or ()] == messages


async def test_fields_come_in_the_order_they_were_asked_for() -> None:
    _, found = await both(GOOD)
    assert found.data is not None
    assert list(found.data["thing"]) == [
        "first", "id", "kind", "later", "count", "ratio", "open", "inner", "colour", "upper", "tags", "shout",
    ]  # fmt: skip
    assert type(found.data["thing"]["open"]) is bool


def test_fields_with_a_resolver_or_a_selection_are_not_read_directly() -> None:
    made = schema()
    readers = Leaves(made).of("Thing")
    assert set(readers) == {
        "__typename", "id", "name", "count", "ratio", "open", "colour", "upper",
    }  # fmt: skip
    thing = SimpleNamespace(name="x")
    assert readers["name"](thing) is thing.name
