"""What a document may ask for, found out before it is validated and executed.

Validation compares fields of the same name pair by pair, so what could make that slow has to be
refused first: `check_shape` looks at the document alone, in one pass. `Costs` looks at the schema
and the variables.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)
from graphql.language import DocumentNode

from chatserver_plugins.graphql.errors import Refused

SIZES = ("first", "last")  # arguments that say how long a list may get
LIST = 10  # how long a list is taken to be that has no such argument
INTROSPECTION = ("__schema", "__type")
INTROSPECTION_COST = 1000  # of each such field: it costs milliseconds, whatever is asked for
HUGE = 10**9
# Of one document. Validation takes half a millisecond for each operation, and compares fragments in pairs.
OPERATIONS, FRAGMENTS = 20, 50

Fragments = Mapping[str, FragmentDefinitionNode]


def check_shape(document: DocumentNode, *, depth: int, aliases: int, introspection: bool) -> None:
    """Raise `Refused` graphql.depth, graphql.aliases, graphql.introspection.

    A selection counts as an alias if it names a field anew, or asks again for one that stands in
    the same place already, in a fragment or not.
    """
    fragments = {
        part.name.value: part
        for part in document.definitions
        if isinstance(part, FragmentDefinitionNode)
    }
    operations = [
        part for part in document.definitions if isinstance(part, OperationDefinitionNode)
    ]
    if len(operations) > OPERATIONS or len(fragments) > FRAGMENTS:
        raise Refused("graphql.tokens", "The document has too many operations or fragments.")
    depths = _Depths(fragments)
    if any(depths.of(operation.selection_set) > depth for operation in operations):
        raise Refused("graphql.depth", detail={"limit": depth})
    left = aliases
    for part in (*operations, *fragments.values()):
        waiting = [part.selection_set]
        while waiting:
            names: set[str] = set()
            for field in _fields(waiting.pop(), fragments, set()):
                if field.name.value in INTROSPECTION and not introspection:
                    raise Refused("graphql.introspection")
                name = (field.alias or field.name).value
                left -= field.alias is not None or name in names
                if left < 0:
                    raise Refused("graphql.aliases", detail={"limit": aliases})
                names.add(name)
                if field.selection_set is not None:
                    waiting.append(field.selection_set)


class Costs:
    """How many fields an operation may resolve at the most, by the sizes of the lists in it."""

    def __init__(self, schema: GraphQLSchema, costs: Mapping[str, int]) -> None:
        """`costs` is what fields count for that are not 1: `Type.field` to a number."""
        self._schema, self._costs = schema, costs

    def of(
        self,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        variables: Mapping[str, Any],
    ) -> int:
        """The cost of a valid operation."""
        root = self._schema.get_root_type(operation.operation)
        defaults = {
            each.variable.name.value: _number(each.default_value)
            for each in operation.variable_definitions or ()
        }
        cost = _Cost(self._schema, self._costs, fragments, {**defaults, **variables})
        return cost.of(operation.selection_set, root)


class _Depths:
    """Depths of selections; each fragment is measured once. What introspection asks for is flat."""

    def __init__(self, fragments: Fragments) -> None:
        self._fragments = fragments
        self._known: dict[str, int] = {}

    def of(self, selections: SelectionSetNode | None) -> int:
        if selections is None:
            return 0
        return max((self._of(selection) for selection in selections.selections), default=0)

    def _of(self, selection: object) -> int:
        if isinstance(selection, FieldNode):
            if selection.name.value in INTROSPECTION:
                return 1
            return 1 + self.of(selection.selection_set)
        if isinstance(selection, InlineFragmentNode):
            return self.of(selection.selection_set)
        if isinstance(selection, FragmentSpreadNode):
            return self._of_fragment(selection.name.value)
        return 0

    def _of_fragment(self, name: str) -> int:
        if name not in self._known and name in self._fragments:
            self._known[name] = 0  # a fragment in itself is an error that validation finds
            self._known[name] = self.of(self._fragments[name].selection_set)
        return self._known.get(name, 0)


class _Cost:
    """The cost of one operation with its variables; each fragment is reckoned once."""

    def __init__(
        self,
        schema: GraphQLSchema,
        costs: Mapping[str, int],
        fragments: Fragments,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema, self._costs = schema, costs
        self._fragments, self._variables = fragments, variables
        self._known: dict[str, int] = {}

    def of(self, selections: SelectionSetNode | None, parent: Any, sized: bool = False) -> int:
        """`sized`: the list in which the parent stands, or will stand, is accounted for."""
        if selections is None:
            return 0
        total = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                total += self._of_field(selection, parent, sized)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                kind = self._schema.get_type(condition.name.value) if condition else parent
                total += self.of(selection.selection_set, kind, sized)
            elif isinstance(selection, FragmentSpreadNode):
                total += self._of_fragment(selection.name.value, sized)
        return min(total, HUGE)

    def _of_fragment(self, name: str, sized: bool) -> int:
        key = f"{name} {sized}"
        if key not in self._known:
            fragment = self._fragments[name]
            kind = self._schema.get_type(fragment.type_condition.name.value)
            self._known[key] = self.of(fragment.selection_set, kind, sized)
        return self._known[key]

    def _of_field(self, node: FieldNode, parent: Any, sized: bool) -> int:
        name = node.name.value
        if name in INTROSPECTION:
            return INTROSPECTION_COST
        field = getattr(parent, "fields", {}).get(name)
        if field is None:
            return 1
        own = self._costs.get(f"{parent.name}.{name}", 1)
        if not is_composite_type(get_named_type(field.type)):
            return own
        size = self._size(node, field)
        is_list = is_list_type(get_nullable_type(field.type))
        assumed = LIST if is_list and not sized else 1
        times = assumed if size is None else size
        inside_sized = size is not None and not is_list
        kind = get_named_type(field.type)
        return own + times * max(1, self.of(node.selection_set, kind, inside_sized))

    def _size(self, node: FieldNode, field: GraphQLField) -> int | None:
        """How long the list of a field may get, if an argument says so: one that is given before defaults."""
        names = [name for name in SIZES if name in field.args]
        if not names:
            return None
        given = [self._given(node, name) for name in names]
        defaults = [_default(field.args[name]) for name in names]
        for values in (given, defaults):
            # A number with a fraction of zero is an Int too.
            numbers = [value for value in values if isinstance(value, int | float)]
            if numbers:
                return int(min(max(*numbers, 1), HUGE))
            if any(value is not None for value in values):
                break
        return LIST

    def _given(self, node: FieldNode, name: str) -> Any:
        value = next((each.value for each in node.arguments or () if each.name.value == name), None)
        if isinstance(value, VariableNode):
            return self._variables.get(value.name.value)
        return _number(value)


def _default(argument: GraphQLArgument) -> int | None:
    return _number(argument.ast_node.default_value) if argument.ast_node else None


def _number(node: ValueNode | None) -> int | None:
    return int(node.value[:12]) if isinstance(node, IntValueNode) else None


def _fields(
    selections: SelectionSetNode, fragments: Fragments, seen: set[str]
) -> Iterator[FieldNode]:
    """All fields of one place, those of its fragments too; each fragment once."""
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(selection.selection_set, fragments, seen)
        elif isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name in fragments and name not in seen:
                seen.add(name)
                yield from _fields(fragments[name].selection_set, fragments, seen)
