"""The cost of executing an operation, estimated from the schema, the variables and the usual lengths of lists.

The unit is one resolved field. Reads from the store count for more, fields of the schema for less, as it is
in memory.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_list_type,
    is_object_type,
    is_union_type,
)

from chatserver_plugins.graphql.limits import INTROSPECTION, Fragments, Place, Steps, response_name

SIZES = ("first", "last")  # arguments that limit a list's length
LIST = 10  # assumed length of a list if nothing is known of it
SCHEMA = 500.0  # for each `__schema` and `__type`, in addition to its selections
SCHEMA_FIELD = 0.25  # for each field in them, which takes four microseconds
PER_OPERATION = 100  # cost that counts as one operation in a user's rate
HUGE = 1e9
KEPT = 500  # cached costs, of operations whose variables do not affect them


class Cost(NamedTuple):
    """`operations` is the number counted in the user's rate; a mutation counts each of its root fields."""

    total: int
    operations: int


class Costs:
    """Estimates for one schema."""

    def __init__(
        self, schema: GraphQLSchema, costs: Mapping[str, int], lengths: Mapping[str, int]
    ) -> None:
        """By `Type.field`: `costs` of fields other than 1, and greatest or usual `lengths` of lists."""
        self._schema, self._costs = schema, costs
        self._lengths = {**lengths, **_schema_lengths(schema)}
        self._known: OrderedDict[int, tuple[OperationDefinitionNode, Cost]] = OrderedDict()

    def of(
        self,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        variables: Mapping[str, Any],
    ) -> Cost:
        """The cost of a valid operation. Raises `Refused` graphql.cost if it cannot be estimated."""
        known = self._known.get(id(operation))
        if known is not None and known[0] is operation:
            return known[1]
        defaults = {
            each.variable.name.value: _number(each.default_value)
            for each in operation.variable_definitions or ()
        }
        given = {**defaults, **variables}
        estimate = _Estimate(self._schema, self._costs, self._lengths, fragments, given)
        cost = _rounded(operation, *estimate.of_root(operation))
        if not estimate.depends_on_variables:
            self._known[id(operation)] = (operation, cost)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return cost


class _Estimate:
    """The estimate of one operation with its variables. A fragment in several places is estimated once."""

    def __init__(
        self,
        schema: GraphQLSchema,
        costs: Mapping[str, int],
        lengths: Mapping[str, float],
        fragments: Fragments,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema, self._costs, self._lengths = schema, costs, lengths
        self._fragments, self._variables = fragments, variables
        self._known: dict[tuple[object, ...], float] = {}
        self._steps = Steps("graphql.cost")
        self.depends_on_variables = False

    def of_root(self, operation: OperationDefinitionNode) -> tuple[float, int]:
        """The cost, and the number of root fields."""
        root = self._schema.get_root_type(operation.operation)
        assert root is not None  # the operation is valid
        place = (operation.selection_set,)
        return self._of(place, root, False), len(self._named(place, root))

    def _of(self, place: Place, parent: Any, sized: bool) -> float:
        """`sized`: the length of the list that holds the parent is included already."""
        if not is_abstract_type(parent):
            return self._of_object(place, parent, sized)
        kinds = self._schema.get_possible_types(parent)
        return max((self._of_object(place, kind, sized) for kind in kinds), default=0)

    def _of_object(self, place: Place, kind: GraphQLObjectType, sized: bool) -> float:
        key = (kind.name, sized, *map(id, place))
        known = self._known.get(key)
        if known is None:
            named = self._named(place, kind).values()
            total = sum(self._of_field(same, kind, sized) for same in named)
            known = self._known[key] = min(total, HUGE)
        return known

    def _named(self, place: Place, kind: GraphQLObjectType) -> dict[str, list[FieldNode]]:
        named: dict[str, list[FieldNode]] = {}
        for field in self._fields(place, kind):
            named.setdefault(response_name(field), []).append(field)
        return named

    def _fields(self, place: Place, kind: GraphQLObjectType) -> Iterator[FieldNode]:
        """The selected fields of an object of this type."""
        seen: set[str] = set()
        waiting = list(place)
        while waiting:
            for selection in waiting.pop().selections:
                self._steps.take()
                if isinstance(selection, FieldNode):
                    yield selection
                elif isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    if condition is None or self._fits(condition.name.value, kind):
                        waiting.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode):
                    fragment = self._fragments[selection.name.value]
                    if selection.name.value not in seen:
                        seen.add(selection.name.value)
                        if self._fits(fragment.type_condition.name.value, kind):
                            waiting.append(fragment.selection_set)

    def _fits(self, condition: str, kind: GraphQLObjectType) -> bool:
        wanted = self._schema.get_type(condition)
        if wanted is kind:
            return True
        return is_abstract_type(wanted) and self._schema.is_sub_type(wanted, kind)

    def _of_field(self, same: Sequence[FieldNode], parent: GraphQLObjectType, sized: bool) -> float:
        node = same[0]
        name, place = node.name.value, f"{parent.name}.{node.name.value}"
        field = self._schema.get_field(parent, name)
        usual = SCHEMA_FIELD if parent.name.startswith("__") else 1
        own = SCHEMA if name in INTROSPECTION else self._costs.get(place, usual)
        kind = None if field is None else get_named_type(field.type)
        if field is None or not is_composite_type(kind):
            return own
        size = self._size(node, field, place)
        is_list = is_list_type(get_nullable_type(field.type))
        assumed = self._lengths.get(place, LIST) if is_list and not sized else 1
        times = assumed if size is None else size
        inside = tuple(one.selection_set for one in same if one.selection_set is not None)
        return own + times * max(usual, self._of(inside, kind, size is not None and not is_list))

    def _size(self, node: FieldNode, field: GraphQLField, place: str) -> float | None:
        """The length of a field's list by its arguments or their defaults; None if none limits it."""
        names = [name for name in SIZES if name in field.args]
        if not names:
            return None
        given = [self._given(node, name) for name in names]
        defaults = [_default(field.args[name]) for name in names]
        size: float = LIST
        for values in (given, defaults):
            # A number such as 5.0 is an Int too.
            numbers = [value for value in values if isinstance(value, int | float)]
            if numbers:
                size = max(*numbers, 1)
            if any(value is not None for value in values):
                break
        return min(size, self._lengths.get(place, HUGE))

    def _given(self, node: FieldNode, name: str) -> Any:
        value = next((each.value for each in node.arguments or () if each.name.value == name), None)
        if isinstance(value, VariableNode):
            self.depends_on_variables = True
            return self._variables.get(value.name.value)
        return _number(value)


def _rounded(operation: OperationDefinitionNode, total: float, roots: int) -> Cost:
    operations = max(1, ceil(total / PER_OPERATION))
    if operation.operation is OperationType.MUTATION:
        operations = max(operations, roots)
    return Cost(ceil(total), operations)


def _default(argument: GraphQLArgument) -> int | None:
    return _number(argument.ast_node.default_value) if argument.ast_node else None


def _number(node: ValueNode | None) -> int | None:
    return int(node.value[:12]) if isinstance(node, IntValueNode) else None


def _schema_lengths(schema: GraphQLSchema) -> dict[str, float]:
    """Lengths of the lists in introspection: exact ones, or averages."""
    kinds = list(schema.type_map.values())
    fields = [
        field
        for kind in kinds
        if is_object_type(kind) or is_interface_type(kind)
        for field in kind.fields.values()
    ]
    of_types = {
        "fields": len(fields),
        "inputFields": sum(len(kind.fields) for kind in kinds if is_input_object_type(kind)),
        "enumValues": sum(len(kind.values) for kind in kinds if is_enum_type(kind)),
        "interfaces": sum(len(kind.interfaces) for kind in kinds if is_object_type(kind)),
        "possibleTypes": sum(len(kind.types) for kind in kinds if is_union_type(kind)),
    }
    return {
        "__Schema.types": len(kinds),
        "__Schema.directives": len(schema.directives),
        "__Field.args": sum(len(field.args) for field in fields) / len(fields),
        "__Directive.args": 2,
        "__Directive.locations": 4,
        **{f"__Type.{name}": total / len(kinds) for name, total in of_types.items()},
    }
