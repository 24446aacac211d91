"""Variables have the values that graphql-core gives them, whichever way they get them."""

from itertools import product
from typing import Any

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse
from graphql.execution.values import VariableValues, get_variable_values

from chatserver_plugins.graphql.variables import Variables

SCHEMA: GraphQLSchema = build_schema(
    "type Query { it(id: ID, text: String, number: Int, texts: [String]): Int } scalar Other"
)
DEFINITIONS = (
    "($a: ID!)",
    "($a: String, $b: ID)",
    '($a: String! = "x", $b: ID = "y")',
    "($a: Int)",
    "($a: Int, $b: String!)",
    "($a: [String!], $b: ID!)",
    "($a: Boolean = true)",
    "($a: Other)",
)
MISSING = object()
VALUES: tuple[Any, ...] = (MISSING, None, "a", "5", 5, 2**40, True, 0.5, ["a"], {"a": "b"})


@pytest.mark.parametrize("definitions", DEFINITIONS)
def test_values_are_those_of_graphql_core(definitions: str) -> None:
    (operation,) = parse(f"query {definitions} {{ it }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    nodes = operation.variable_definitions or ()
    variables = Variables(SCHEMA, nodes)
    taken = 0
    for values in product(VALUES, repeat=2):
        named = zip("ab", values, strict=True)
        given = {name: value for name, value in named if value is not MISSING}
        expected = get_variable_values(SCHEMA, nodes, dict(given))
        found = variables.values(given)
        if isinstance(expected, VariableValues):
            assert found is not None and found.coerced == expected.coerced
            assert list(map(_told, found.sources.items())) == list(
                map(_told, expected.sources.items())
            )
            taken += 1
        else:
            assert found is None
    assert taken > 0


def test_without_variables_there_are_no_values() -> None:
    assert Variables(SCHEMA, ()).values({"a": "b"}) == VariableValues({}, {})


def _told(source: tuple[str, Any]) -> tuple[str, str, Any]:
    name, (signature, value) = source
    return name, f"{signature.name}: {signature.type}", value
