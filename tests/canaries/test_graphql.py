"""The methods of graphql-core's executor that the server relies on: public, but not promised to stay."""

import ast
import asyncio
import inspect
from typing import Any

import pytest
from graphql import ExecutionResult, Executor, build_schema, parse

from chatserver_plugins.graphql.events import EventExecutor
from chatserver_plugins.graphql.pace import PacedExecutor, TracedExecutor
from tests.canaries.finding import ROOT

# The parameters of each method that plugins/graphql overrides or calls, without self and cls.
METHODS = {
    "build_per_event_executor": ["payload"],
    "collect_and_execute_subfields": [
        *("return_type", "field_details_list", "path", "result", "position_context")
    ],
    "collect_subfields": ["return_type", "field_details_list"],
    "complete_awaitable_list_item_value": [
        *("item", "item_type", "field_details_list", "info", "item_path", "position_context")
    ],
    "complete_iterable_value": [
        *("item_type", "field_details_list", "info", "path", "items", "position_context")
    ],
    "complete_list_item_value": [
        *("item", "complete_results", "item_type", "field_details_list", "info", "item_path"),
        "position_context",
    ],
    "execute_field": [*("parent_type", "source", "field_details_list", "path", "position_context")],
    "execute_fields": [
        *("parent_type", "source_value", "path", "grouped_field_set", "position_context")
    ],
    "execute_fields_serially": [
        *("parent_type", "source_value", "path", "grouped_field_set", "position_context")
    ],
    "execute_operation": ["serially"],
    "settle_in_background": ["awaitables"],
}
FILES = ("plugins/graphql/pace.py", "plugins/graphql/events.py")
OTHERS = {"build", "finish"}  # documented; and a method of `_List`

SCHEMA = build_schema(
    """
    type Query { dogs: [Dog!] now: Dog first: Dog }
    type Dog { name: String, puppies: [Dog] }
    type Mutation { one: Int two: Int }
    type Subscription { dog: Dog }
    """
)


class Recorder(Executor[Any]):
    """Notes the calls of the methods that are overridden in plugins/graphql."""

    def __init__(self, *arguments: Any, extra: list[Any], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.calls = extra

    def execute_fields(self, kind: Any, source: Any, path: Any, fields: Any, position: Any) -> Any:
        nodes = {name: [each.node.name.value for each in fields[name]] for name in fields}
        self.calls.append(("fields", kind.name, nodes, position))
        return super().execute_fields(kind, source, path, fields, position)

    def execute_fields_serially(self, kind: Any, *others: Any) -> Any:
        self.calls.append(("serially", kind.name, others[-1]))
        return super().execute_fields_serially(kind, *others)

    def execute_field(self, kind: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        self.calls.append(("field", path.key, path.prev is None, position))
        return super().execute_field(kind, source, details, path, position)

    def collect_and_execute_subfields(self, kind: Any, *others: Any) -> Any:
        self.calls.append(("subfields", kind.name, others[-1]))
        return super().collect_and_execute_subfields(kind, *others)

    def collect_subfields(self, kind: Any, details: Any) -> Any:
        found = super().collect_subfields(kind, details)
        self.calls.append(("collected", kind.name, [*found.grouped_field_set]))
        return found

    def complete_iterable_value(self, kind: Any, *others: Any) -> Any:
        self.calls.append(("list", str(kind), others[-1]))
        return super().complete_iterable_value(kind, *others)


def executor(text: str, root: object = None, kind: Any = Recorder) -> Any:
    made = kind.build(SCHEMA, parse(text), root, extra=[])
    assert type(made) is kind, "made with the argument that only it has"
    return made


def awaited(value: object) -> "asyncio.Future[object]":
    """A value that has to be awaited."""
    future: asyncio.Future[object] = asyncio.Future()
    future.set_result(value)
    return future


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_parameters_that_are_given(name: str) -> None:
    parameters = [*inspect.signature(getattr(Executor, name)).parameters]
    assert parameters[1:] == METHODS[name], f"Executor.{name} is used in {' and '.join(FILES)}"


def test_every_method_in_use_is_listed() -> None:
    public = {
        name for name, _ in inspect.getmembers(Executor, inspect.isroutine) if name[0] != "_"
    } - {"is_async_iterable", "is_awaitable"}
    used = set()
    for path in FILES:
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                used.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                used.add(node.name)
    assert (used & public) - OTHERS == set(METHODS)


def test_our_executors_override_nothing_else() -> None:
    for kind in (PacedExecutor, TracedExecutor, EventExecutor):
        shared = set(vars(kind)) & set(dir(Executor)) - set(dir(object))
        shared = {name for name in shared if name[:2] != "__"}
        assert shared <= set(METHODS), kind


def test_an_operation_goes_through_the_methods_that_are_overridden() -> None:
    dogs = {"dogs": [{"name": "Rex", "puppies": [{"name": "Pip"}]}]}
    one = executor("{ all: dogs { name puppies { name } } }", dogs)
    assert one.execute_operation() == ({"all": [dogs["dogs"][0]]}, None)
    assert one.calls == [
        ("fields", "Query", {"all": ["dogs"]}, None),
        ("field", "all", True, None),
        ("list", "Dog!", None),
        ("subfields", "Dog", None),
        ("collected", "Dog", ["name", "puppies"]),
        ("fields", "Dog", {"name": ["name"], "puppies": ["puppies"]}, None),
        ("field", "name", False, None),
        ("field", "puppies", False, None),
        ("list", "Dog", None),
        ("subfields", "Dog", None),
        ("collected", "Dog", ["name"]),
        ("fields", "Dog", {"name": ["name"]}, None),
        ("field", "name", False, None),
    ]


def test_mutations_are_executed_one_after_the_other() -> None:
    one = executor("mutation { one two }", {"one": 1, "two": 2})
    assert one.execute_operation().data == {"one": 1, "two": 2}
    assert one.calls[0] == ("serially", "Mutation", None)


async def test_fields_are_awaited_only_if_one_of_them_has_to_be() -> None:
    one = executor(
        "{ now { name } first { name } }",
        {"now": {"name": "Pip"}, "first": awaited({"name": "Rex"})},
    )
    outcome = one.execute_operation()
    assert one.is_awaitable(outcome)
    assert (await outcome).data == {"now": {"name": "Pip"}, "first": {"name": "Rex"}}
    assert isinstance(executor("{ now { name } }", {}).execute_operation(), ExecutionResult)


async def test_fields_may_be_left_out_and_the_result_be_awaited() -> None:
    """As in `PacedExecutor.execute_fields` and `_execute_later`."""

    class Own(Recorder):
        def execute_fields(
            self, kind: Any, source: Any, path: Any, fields: Any, position: Any
        ) -> Any:
            rest = {name: fields[name] for name in fields if name != "name"}
            done = super().execute_fields(kind, source, path, rest, position)
            return {"name": "ours", **done} if kind.name == "Dog" else done

        def collect_and_execute_subfields(self, *given: Any) -> Any:
            return self._later(super().collect_and_execute_subfields(*given))

        async def _later(self, result: Any) -> Any:
            await asyncio.sleep(0)
            return result

    outcome = await executor(
        "{ now { name puppies { name } } }", {"now": {}}, Own
    ).execute_operation()
    assert outcome.data == {"now": {"name": "ours", "puppies": None}}


async def test_items_are_completed_one_by_one() -> None:
    """As in `_List`, in the place of graphql-core's own loop."""

    class Own(Recorder):
        def complete_iterable_value(
            self, kind: Any, details: Any, info: Any, path: Any, items: Any, position: None
        ) -> Any:
            results: list[Any] = []
            one, two = items
            assert not self.complete_list_item_value(
                one, results, kind, details, info, path.add_key(0, None), position
            )
            assert results == [{"name": "Rex"}]
            rest = self.complete_awaitable_list_item_value(
                two, kind, details, info, path.add_key(1, None), position
            )
            return self._both(results[0], rest)

        async def _both(self, one: Any, rest: Any) -> list[Any]:
            return [one, await rest]

    root = {"dogs": [{"name": "Rex"}, awaited({"name": "Pip"})]}
    outcome = await executor("{ dogs { name } }", root, Own).execute_operation()
    assert outcome.data == {"dogs": [{"name": "Rex"}, {"name": "Pip"}]}


async def test_an_item_that_awaits_something_itself_says_so() -> None:
    class Own(Recorder):
        def complete_iterable_value(
            self, kind: Any, details: Any, info: Any, path: Any, items: Any, position: None
        ) -> Any:
            results: list[Any] = []
            (item,) = items
            assert self.complete_list_item_value(
                item, results, kind, details, info, path.add_key(0, None), position
            )
            return asyncio.gather(*results)

    root = {"dogs": [{"name": awaited("Rex")}]}
    outcome = await executor("{ dogs { name } }", root, Own).execute_operation()
    assert outcome.data == {"dogs": [{"name": "Rex"}]}


async def test_an_awaitable_begun_in_vain_is_awaited_in_the_background() -> None:
    ended = asyncio.Event()

    async def fails() -> None:
        ended.set()
        raise ValueError

    executor("{ now { name } }").settle_in_background([fails()])
    async with asyncio.timeout(60):
        await ended.wait()


def test_an_executor_of_an_event_shares_all_but_the_event_and_its_errors() -> None:
    whole = executor("subscription { dog { name } }")
    once = whole.build_per_event_executor({"dog": {"name": "Rex"}})
    assert type(once) is Recorder and once.calls is whole.calls
    once.context_value = "asking"
    assert once.execute_operation(False) == ({"dog": {"name": "Rex"}}, None)
    assert whole.context_value is None
    assert once.variable_values is whole.variable_values
    assert whole.variable_values.coerced == {}
    assert once.collected_errors is not whole.collected_errors
