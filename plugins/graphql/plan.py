"""Compiles operations that only read into plans, which give the same answers as graphql-core in a fraction of the time.

graphql-core decides anew for each field of each object what to do with it. A plan decides once for each selected field
of a document, and reads it for all objects together (`columns`). It is made only of attributes and of resolvers that
are known to be `Pure`: so what a plan began can be given up, and graphql-core executes the operation.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    Node,
    OperationType,
    VariableNode,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_scalar_type,
    visit,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import get_argument_values
from graphql.language import BREAK, Visitor

from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.columns import (
    Column,
    Completion,
    Kinds,
    Leaf,
    Listed,
    NotPlanned,
    Objects,
    Run,
    Shape,
    Steps,
    at_once,
    attribute,
    constant,
    finished,
    resolved,
    resolved_for_all,
    selected,
)
from chatserver_plugins.graphql.documents import Document, Operation
from chatserver_plugins.graphql.leaves import Attribute, Leaves
from chatserver_plugins.graphql.limits import Fragments
from chatserver_plugins.graphql.pace import PacedExecutor
from chatserver_plugins.graphql.resolvers import events
from chatserver_plugins.graphql.turns import Pace
from chatserver_plugins.graphql.variables import NONE as NO_VARIABLES
from chatserver_plugins.graphql.variables import Variables

Resolve = Callable[..., Any]
# Python's types whose values go unchanged into the answer; of integers only those that GraphQL knows.
PLAIN: Mapping[object, type] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: int,
}
# What scalars do that are declared by their name alone, such as DateTime.
UNCHANGED = GraphQLScalarType("Any").coerce_output_value
# Of one plan, for each type that an interface or union may stand for those selected of it; about a kilobyte each.
FIELDS = 300
ROW_FIELDS = 3  # take as much memory as the type of a plan's rows
FIELDS_KEPT = 10_000  # of the plans of all kept documents


class Pure(NamedTuple):
    """Resolvers that have no effects, and use nothing of `info` but its context."""

    resolvers: Collection[Resolve]
    for_all: Mapping[
        Resolve, Resolve
    ]  # those that can be asked for all parents at once, with what to ask
    # Where graphql-core has several of the others wait, they wait together, and the store is asked once.
    may_repeat: Collection[Resolve]


class Plan:
    """A compiled operation."""

    def __init__(
        self, schema: GraphQLSchema, operation: Operation, root: Shape, fields: int
    ) -> None:
        self._root, self.fields = root, fields
        self._variables = Variables(schema, operation.node.variable_definitions or ())

    async def data(
        self, asking: Asking, given: Mapping[str, Any], pace: Pace, most: float
    ) -> tuple[Any, int]:
        """The data, and the number of fields resolved. Any exception means that graphql-core has to execute it."""
        variables = self._variables.values(given)
        if variables is None:
            raise NotPlanned
        run = Run(asking, pace, variables=variables, most=most)
        (data,) = await finished(self._root.rows([None], run))
        return data, run.resolved

    def data_of(
        self, events: Sequence[object], asking: Asking, executor: PacedExecutor
    ) -> list[Any]:
        """The data of each event. Raises an exception, as `data` does, also if something has to be awaited."""
        run = Run(
            asking,
            executor.pace,
            variables=executor.variable_values,
            most=executor.most,
            may_wait=False,
        )
        return at_once(self._root.rows(events, run))


class Plans:
    """Compiles operations of one schema."""

    def __init__(self, schema: GraphQLSchema, pure: Pure) -> None:
        self._schema, self._pure, self._leaves = schema, pure, Leaves(schema)
        self._kept: deque[tuple[dict[str, Any], str, int]] = deque()  # from the oldest on
        self._fields = 0  # of the kept ones

    def of(
        self, document: Document, operation: Operation, *, is_lasting: bool = False
    ) -> Plan | None:
        """The plan of an operation; None if it is for graphql-core.

        It is kept with a document that is kept, until there are too many; only `is_lasting` makes one for an
        operation of another document.
        """
        kept = document.plans
        if kept is not None and operation.name in kept:
            known: Plan | None = kept[operation.name]
            return known
        if kept is None and not is_lasting:
            return None
        made = self._made(document, operation)
        if kept is not None:
            self._keep(kept, operation.name, made)
        return made

    def _keep(self, plans: dict[str, Any], name: str, made: Plan | None) -> None:
        plans[name] = made
        if made is None:
            return
        self._kept.append((plans, name, made.fields))
        self._fields += made.fields
        while self._fields > FIELDS_KEPT:
            others, oldest, fields = self._kept.popleft()
            others.pop(oldest, None)
            self._fields -= fields

    def _made(self, document: Document, operation: Operation) -> Plan | None:
        if operation.type is OperationType.MUTATION:
            return None
        try:
            compiler = _Compiler(
                self._schema, self._pure, self._leaves, document.fragments, operation
            )
            root = compiler.root()
        except (NotPlanned, GraphQLError):
            return None
        kept = compiler.fields + ROW_FIELDS * compiler.shapes
        return Plan(self._schema, operation, root, kept)


class _Compiler:
    """Compiles one operation. Raises `NotPlanned`, and `GraphQLError` where a variable decides what is selected."""

    def __init__(
        self,
        schema: GraphQLSchema,
        pure: Pure,
        leaves: Leaves,
        fragments: Fragments,
        operation: Operation,
    ) -> None:
        self._schema, self._pure, self._leaves = schema, pure, leaves
        self._operation = operation.node
        self._fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self.fields = self.shapes = 0
        self._once: set[Resolve] = set()

    def root(self) -> Shape:
        kind = self._schema.get_root_type(self._operation.operation)
        assert kind is not None  # the operation is valid
        fields = collect_fields(
            self._schema, self._fragments, NO_VARIABLES, kind, self._operation
        ).grouped_field_set
        return self._shape(kind, fields)

    def _shape(self, kind: GraphQLObjectType, fields: GroupedFieldSet) -> Shape:
        self.fields += len(fields)
        if self.fields > FIELDS:
            raise NotPlanned
        self.shapes += 1
        return Shape([self._column(kind, name, details) for name, details in fields.items()])

    def _column(self, kind: GraphQLObjectType, name: str, details: FieldDetailsList) -> Column:
        node = details[0].node
        read = self._leaves.of(kind.name).get(node.name.value)
        if node.name.value == "__typename":
            return Column(name, constant(kind.name))
        field = self._schema.get_field(kind, node.name.value)
        assert field is not None  # the document is valid
        assert field.resolve is not None  # `schema` binds one
        if read is not None:
            assert isinstance(field.resolve, Attribute)
            return Column(name, attribute(field.resolve.get, read, _plain_type(field.type)))
        return Column(name, None, self._steps(field, details))

    def _steps(
        self, field: GraphQLField, details: FieldDetailsList
    ) -> Callable[[Sequence[Any], Run], Steps]:
        resolve, pure = field.resolve, self._pure
        assert resolve is not None
        if isinstance(resolve, Attribute) and not field.args:
            return selected(resolve.get, self._completion(field.type, details))
        for_all = pure.for_all.get(resolve)
        if for_all is None and resolve not in pure.resolvers:
            raise NotPlanned
        if iscoroutinefunction(resolve) and resolve not in pure.may_repeat:
            if resolve in self._once:
                raise NotPlanned
            self._once.add(resolve)
        arguments = self._arguments(field, details[0].node)
        completion = self._completion(field.type, details)
        if for_all is not None:
            return resolved_for_all(for_all, arguments, completion)
        return resolved(resolve, arguments, completion)

    def _arguments(
        self, field: GraphQLField, node: FieldNode
    ) -> Callable[[Run], Mapping[str, Any]]:
        if not field.args or field.resolve is events.event:
            return lambda run: {}
        if _has_variable(node):
            return lambda run: get_argument_values(field, node, run.variables)
        fixed = get_argument_values(field, node, NO_VARIABLES)
        return lambda run: fixed

    def _completion(
        self, kind: GraphQLOutputType, details: FieldDetailsList, *, is_required: bool = False
    ) -> Completion:
        if is_non_null_type(kind):
            return self._completion(kind.of_type, details, is_required=True)
        if is_list_type(kind):
            return Listed(self._completion(kind.of_type, details), is_required=is_required)
        if is_leaf_type(kind):
            return Leaf(kind.coerce_output_value, _plain_type(kind), is_required=is_required)
        if is_object_type(kind):
            return Objects(self._selected(kind, details), is_required=is_required)
        if not is_abstract_type(kind):
            raise NotPlanned
        return self._kinds(kind, details, is_required)

    def _kinds(
        self, kind: GraphQLAbstractType, details: FieldDetailsList, is_required: bool
    ) -> Completion:
        type_of: Callable[..., Any] | None = kind.resolve_type
        assert type_of is not None  # `schema` binds one, which knows a value by its class
        shapes = {
            each.name: self._tried(each, details) for each in self._schema.get_possible_types(kind)
        }
        return Kinds(shapes, lambda value: type_of(value, None, kind), is_required=is_required)

    def _selected(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Shape:
        fields = collect_subfields(
            self._schema, self._fragments, NO_VARIABLES, self._operation, kind, details
        ).grouped_field_set
        return self._shape(kind, fields)

    def _tried(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Shape | None:
        """The shape of one of several types; None if its objects are for graphql-core."""
        try:
            return self._selected(kind, details)
        except NotPlanned:
            if self.fields > FIELDS:
                raise
            return None


def _plain_type(kind: GraphQLOutputType) -> type | None:
    """The type of values that may go unchanged into the answer, if it is the only one."""
    inner = kind.of_type if is_non_null_type(kind) else kind
    if is_scalar_type(inner) and inner.coerce_output_value is UNCHANGED:
        return str
    return PLAIN.get(inner)


class _Variables(Visitor):
    found = False

    def enter_variable(self, node: VariableNode, *_: Any) -> Any:
        self.found = True
        return BREAK


def _has_variable(node: FieldNode) -> bool:
    return any(_holds_variable(argument) for argument in node.arguments or ())


def _holds_variable(node: Node) -> bool:
    visitor = _Variables()
    visit(node, visitor)
    return visitor.found
