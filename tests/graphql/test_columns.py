"""A plan takes any data as graphql-core does: it gives the same answer, or ends where graphql-core reports an error."""

import asyncio
import gc
import sys
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from graphql import (
    ExecutionResult,
    GraphQLSchema,
    build_schema,
    is_abstract_type,
    is_object_type,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.documents import Documents
from chatserver_plugins.graphql.execution import is_awaitable
from chatserver_plugins.graphql.leaves import Attribute, Leaves
from chatserver_plugins.graphql.pace import PacedExecutor, is_no_list
from chatserver_plugins.graphql.plan import Plans, Pure
from chatserver_plugins.graphql.turns import TURN_FIELDS, Pace

SDL = """enum Colour { RED GREEN }
scalar Loud
interface Node { id: ID! }
type Thing implements Node {
  id: ID! name: String count: Int! ratio: Float open: Boolean! colour: Colour loud: Loud
  tags: [String!] counts: [Int]! inner: Thing must: Thing! many: [Thing!]! some: [Thing]
  lists: [[Thing!]!] any: Node all: [Node!]!
}
type Other implements Node { id: ID! size: Int! }
type Query { thing: Thing }"""
LEAVES = "id name count open ratio colour loud tags counts"
TEXT = f"""{{ thing {{ {LEAVES}
  inner {{ {LEAVES} }} must {{ id must {{ __typename count }} }} many {{ {LEAVES} }} some {{ name open }}
  lists {{ id count }} any {{ id ... on Other {{ size }} ... on Thing {{ some {{ id }} }} }}
  all {{ __typename id ... on Other {{ size }} }} }} }}"""


class Thing(SimpleNamespace):
    pass


class Other(SimpleNamespace):
    pass


# Mostly what is right, and now and then what is not.
ODD = [None, 7, "text", 2**31, True, 0.5, "RED", ["a"], ValueError("no"), object()]
WRONG = st.sampled_from(ODD)
TEXTS, NUMBERS = st.sampled_from(["a", "b"]), st.sampled_from([0, 3, -5, 2**31 - 1])


def right(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda number: WRONG if number == 19 else values)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda number: st.none() if number == 19 else values)


def lists(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    made = st.lists(items, max_size=3)
    odd = st.sampled_from([None, None, 7, "text"])
    return st.integers(0, 19).flatmap(lambda number: odd if number == 19 else made)


OTHERS = st.builds(Other, id=right(TEXTS), size=right(NUMBERS))
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "id": right(TEXTS),
    "name": right(TEXTS | st.none()),
    "count": right(NUMBERS),
    "ratio": right(st.sampled_from([0.5, 1, None])),
    "open": right(st.booleans()),
    "colour": right(st.sampled_from(["RED", "GREEN", None])),
    "loud": right(TEXTS | st.none()),
    "tags": lists(right(TEXTS)),
    "counts": lists(right(NUMBERS)),
}
SMALL = st.builds(Thing, **PLAIN, must=objects(st.builds(Thing, count=right(NUMBERS))), some=lists(
    objects(st.builds(Thing, **PLAIN))
))  # fmt: skip
THINGS = st.builds(
    Thing,
    **PLAIN,
    inner=objects(SMALL),
    must=objects(SMALL),
    many=lists(objects(SMALL)),
    some=lists(objects(SMALL) | st.none()),
    lists=lists(lists(objects(SMALL))),
    any=objects(SMALL | OTHERS),
    all=lists(objects(SMALL | OTHERS)),
)


def made_schema() -> GraphQLSchema:
    made = build_schema(SDL)
    for kind in made.type_map.values():
        if kind.name == "Loud":
            kind.coerce_output_value = lambda value: str(value).upper()  # type: ignore[union-attr]
        if is_abstract_type(kind):
            kind.resolve_type = lambda value, info, abstract: type(value).__name__
        if is_object_type(kind) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                field.resolve = Attribute(name)
    made.query_type.fields["thing"].resolve = thing  # type: ignore[union-attr]
    return made


def thing(parent: object, info: Any) -> Any:
    return info.context.thing


SCHEMA = made_schema()
DOCUMENT = Documents(SCHEMA, GraphQLConfig())._make(TEXT)._replace(plans={})
PLAN = Plans(SCHEMA, Pure({thing}, {}, ())).of(DOCUMENT, DOCUMENT.operation(None))


class Context(SimpleNamespace):
    activity = object()


async def planned(value: Any, most: float = 1e9) -> tuple[Any, int] | None:
    assert PLAN is not None
    try:
        return await PLAN.data(Context(thing=value), {}, Pace(), most)  # type: ignore[arg-type]
    except Exception:
        return None


async def plain(value: Any, text: str = TEXT) -> tuple[ExecutionResult, int]:
    executor = PacedExecutor.made(
        SCHEMA,
        DOCUMENT.node if text == TEXT else parse(text),
        context_value=Context(thing=value),
        is_awaitable=is_awaitable,
        is_async_iterable=is_no_list,
        pace=Pace(),
        leaves=Leaves(SCHEMA),
        most=1e9,
    )
    assert isinstance(executor, PacedExecutor)
    outcome = executor.start()
    return outcome if isinstance(outcome, ExecutionResult) else await outcome, int(
        executor.resolved
    )


async def is_wrong(value: Any) -> bool:
    """Whether graphql-core reports an error of this thing; if not, the plan has given the same."""
    (outcome, resolved), found = await plain(value), await planned(value)
    if outcome.errors:
        assert found is None
        return True
    assert found is not None and found[1] == resolved
    assert msgspec.json.encode(found[0]) == msgspec.json.encode(outcome.data)
    assert await planned(value, resolved) == found
    assert await planned(value, resolved - 1) is None
    return False


def good(**values: Any) -> Thing:
    """A thing with nothing wrong, but perhaps one of several values."""
    given = {"id": "a", "name": "b", "count": 1, "open": True, "ratio": 0.5, "colour": "RED"}
    given |= {"loud": "e", "tags": ["c"], "counts": [1, None]}
    plain = Thing(**given, must=Thing(count=2), some=[Thing(name="d", open=False), None])
    changed = Thing(**{**vars(plain), **values})
    inside = {"inner": plain, "must": plain, "many": [plain] * 5 + [changed], "some": []}
    return Thing(**vars(plain) | inside, lists=[[plain] * 5, []], any=None, all=[plain] * 5)


@pytest.mark.parametrize("name", LEAVES.split())
async def test_one_value_of_many(name: str) -> None:
    assert not await is_wrong(good())
    found = [await is_wrong(good(**{name: value})) for value in ODD]
    found += [await is_wrong(good(**{name: [value]})) for value in ODD]
    assert any(found)
    assert not all(found)


def test_any_data() -> None:
    wrong: list[bool] = []

    @settings(max_examples=120)
    @given(THINGS)
    def check(value: Any) -> None:
        wrong.append(asyncio.run(is_wrong(value)))

    check()
    assert 0.2 < sum(wrong) / len(wrong) < 0.9, sum(wrong) / len(wrong)


class Watched(Pace):
    """Notes the turns that are waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    async def turn(self, operation: object, fields: int) -> None:
        self.turns += 1
        await super().turn(operation, fields)


async def test_a_plan_waits_for_its_turn() -> None:
    """Before it resolves anything in a full turn, and between its own lists if they are long."""
    assert PLAN is not None
    none, full, own = Watched(), Watched(), Watched()
    full.left = -TURN_FIELDS - 1
    small, large = good(), good()
    large.many = [large.must] * 2000
    for pace, value in ((none, small), (full, small), (own, large)):
        await PLAN.data(Context(thing=value), {}, pace, 1e9)  # type: ignore[arg-type]
    assert none.turns == 0
    assert full.turns == 1
    assert own.turns


class Waited(Thing):
    """Has a coroutine for each time that something of it is read."""

    @property
    def inner(self) -> Any:
        return self.later()

    must = inner

    async def later(self) -> Any:
        return good()


def test_no_coroutine_is_dropped_when_another_field_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it does: also in the turn of the loop in which others are begun."""
    dropped: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: dropped.append(str(found.exc_value)))
    text = "{ thing { must { id } inner { inner { id } must { id } } } }"

    async def run(turns: int) -> bool:
        loop = asyncio.get_running_loop()
        failing, waiting = loop.create_future(), loop.create_future()
        value = Thing(must=failing, inner=waiting)
        task = asyncio.ensure_future(plain(value, text))
        for turn in range(8):
            await asyncio.sleep(0)
            if turn == 3:
                failing.set_exception(ValueError("no"))
            if turn == turns and not waiting.done():
                waiting.set_result(Waited())
        outcome, _ = await task
        assert outcome.data == {"thing": None}
        assert outcome.errors
        return not waiting.cancelled()

    in_time = [asyncio.run(run(turns)) for turns in range(8)]
    gc.collect()
    assert any(in_time)
    assert not all(in_time)
    assert dropped == []
