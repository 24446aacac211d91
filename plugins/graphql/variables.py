"""The variables of a planned operation, with the values that graphql-core gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLID,
    GraphQLSchema,
    GraphQLString,
    VariableDefinitionNode,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

NONE = VariableValues({}, {})


class Variables:
    """Of one operation."""

    def __init__(
        self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]
    ) -> None:
        self._schema, self._definitions = schema, definitions
        signatures = [get_variable_signature(schema, each) for each in definitions]
        # By name, if all are texts and ids: these go into the operation unchanged.
        self._texts = (
            {each.name: each for each in signatures if isinstance(each, GraphQLVariableSignature)}
            if all(map(_is_text, signatures))
            else None
        )

    def values(self, given: Mapping[str, Any]) -> VariableValues | None:
        """The values for an execution; None if one of them is wrong."""
        if not self._definitions:
            return NONE
        texts = self._texts
        if texts is not None and all(type(given.get(name)) is str for name in texts):
            sources = {name: VariableValueSource(texts[name], given[name]) for name in texts}
            return VariableValues(sources, {name: given[name] for name in texts})
        found = get_variable_values(self._schema, self._definitions, dict(given))
        return None if isinstance(found, list) else found


def _is_text(signature: object) -> bool:
    if not isinstance(signature, GraphQLVariableSignature):
        return False
    kind = signature.type
    return (kind.of_type if is_non_null_type(kind) else kind) in (GraphQLString, GraphQLID)
