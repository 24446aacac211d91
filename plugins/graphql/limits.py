"""Bounds on the shape of a document, checked in one pass before it is validated.

Validation compares fields of the same name in pairs, so documents that would make it slow are refused first.
`costs` limits the cost of execution.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.language import DocumentNode

from chatserver_plugins.graphql.errors import Refused

INTROSPECTION = ("__schema", "__type")
# Bounds of one document. Validation takes half a millisecond for each operation, and compares fragments in pairs.
CHARS = 65_536  # a long text belongs in the variables
OPERATIONS, FRAGMENTS = 20, 50
LEVELS = 100  # of nested selections of any kind; validation calls itself for each
PAIRS = 2_000  # of fields with one name, which validation compares in some microseconds each
STEPS = 20_000  # fields visited; if fragments are combined in many ways, there are more than tokens
VALUES, VALUES_DEPTH = 5_000, 32  # in the variables of an operation; each one's type is checked

Fragments = Mapping[str, FragmentDefinitionNode]
Place = tuple[SelectionSetNode, ...]


class Steps:
    """A budget of steps for traversing a document."""

    def __init__(self, code: str) -> None:
        """`code` is the error's code when the budget is exceeded."""
        self._left, self._code = STEPS, code

    def take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Refused(self._code, "The document combines its fragments in too many ways.")


def check_shape(document: DocumentNode, *, depth: int, aliases: int) -> None:
    """Raise `Refused` graphql.tokens, graphql.depth, graphql.aliases.

    Fields with the same name in the same place are executed as one, but compared in pairs. For different
    types of a union they are allowed, as queries of unions need them.
    """
    fragments = fragments_of(document)
    operations = [
        part for part in document.definitions if isinstance(part, OperationDefinitionNode)
    ]
    if len(operations) > OPERATIONS or len(fragments) > FRAGMENTS:
        raise Refused("graphql.tokens", "The document has too many operations or fragments.")
    depths = _Depths(fragments)
    if any(depths.of(operation.selection_set).fields > depth for operation in operations):
        raise Refused("graphql.depth", detail={"limit": depth})
    for name in fragments:
        depths.of_fragment(name)
    parts = (*operations, *fragments.values())
    shape = _Shape(fragments, aliases)
    for part in parts:
        shape.check(part.selection_set)


def check_variables(given: Mapping[str, Any]) -> None:
    """Raise `Refused` graphql.variables if there are too many values."""
    waiting: list[tuple[Any, int]] = [(given, 0)]
    left = VALUES
    while waiting:
        value, level = waiting.pop()
        if not isinstance(value, dict | list):
            continue
        left -= len(value)
        if left < 0 or level > VALUES_DEPTH:
            detail: dict[str, object] = {"limit": VALUES, "depth": VALUES_DEPTH}
            raise Refused("graphql.variables", "The variables have too many values.", detail=detail)
        inside = value.values() if isinstance(value, dict) else value
        waiting.extend((each, level + 1) for each in inside)


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        part.name.value: part
        for part in document.definitions
        if isinstance(part, FragmentDefinitionNode)
    }


def fields_of(place: Sequence[SelectionSetNode], fragments: Fragments) -> Iterator[FieldNode]:
    """All fields of one place, including those of fragments, each of which is visited once."""
    seen: set[str] = set()
    waiting = list(reversed(place))
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                waiting.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in fragments and name not in seen:
                    seen.add(name)
                    waiting.append(fragments[name].selection_set)


def response_name(field: FieldNode) -> str:
    return (field.alias or field.name).value


class _Shape:
    """Counts aliases and pairs, once for each place."""

    def __init__(self, fragments: Fragments, aliases: int) -> None:
        self._fragments, self._limit = fragments, aliases
        self._renamed: set[int] = set()
        self._pairs = 0
        self._places: set[tuple[int, ...]] = set()
        self._steps = Steps("graphql.aliases")

    def check(self, selections: SelectionSetNode) -> None:
        waiting: list[Place] = [(selections,)]
        while waiting:
            place = waiting.pop()
            key = tuple(map(id, place))
            if key in self._places:
                continue
            self._places.add(key)
            named: dict[str, list[FieldNode]] = {}
            for field in fields_of(place, self._fragments):
                self._steps.take()
                self._count(field, named)
            for same in named.values():
                inside = tuple(one.selection_set for one in same if one.selection_set is not None)
                if inside:
                    waiting.append(inside)

    def _count(self, field: FieldNode, named: dict[str, list[FieldNode]]) -> None:
        same = named.setdefault(response_name(field), [])
        self._pairs += len(same)
        same.append(field)
        if field.alias is not None:
            self._renamed.add(id(field))
        if len(self._renamed) > self._limit:
            raise Refused("graphql.aliases", detail={"limit": self._limit})
        if self._pairs > PAIRS:
            raise Refused("graphql.aliases", "The document repeats the same fields too many times.")


class _Depth(NamedTuple):
    fields: int  # with what introspection selects counted as flat
    levels: int  # of fields, inline fragments and spreads


class _Depths:
    """Depths of selections; each fragment is measured once. Raises `Refused` beyond `LEVELS`."""

    def __init__(self, fragments: Fragments) -> None:
        self._fragments = fragments
        self._known: dict[str, _Depth] = {}

    def of(self, selections: SelectionSetNode | None, above: int = 0) -> _Depth:
        """The depth below a place that has so many levels above it."""
        if selections is None:
            return _Depth(0, 0)
        _demand(above + 1)
        fields = levels = 0
        for selection in selections.selections:
            inside = self._of(selection, above + 1)
            fields, levels = max(fields, inside.fields), max(levels, inside.levels)
        return _Depth(fields, levels + 1)

    def _of(self, selection: object, above: int) -> _Depth:
        if isinstance(selection, FieldNode):
            inside = self.of(selection.selection_set, above)
            is_flat = selection.name.value in INTROSPECTION
            return _Depth(1 if is_flat else inside.fields + 1, inside.levels)
        if isinstance(selection, InlineFragmentNode):
            return self.of(selection.selection_set, above)
        if isinstance(selection, FragmentSpreadNode):
            return self.of_fragment(selection.name.value, above)
        return _Depth(0, 0)

    def of_fragment(self, name: str, above: int = 0) -> _Depth:
        if name not in self._known and name in self._fragments:
            self._known[name] = _Depth(0, 0)  # validation reports a fragment that contains itself
            self._known[name] = self.of(self._fragments[name].selection_set, above)
        found = self._known.get(name, _Depth(0, 0))
        _demand(above + found.levels)
        return found


def _demand(levels: int) -> None:
    if levels > LEVELS:
        raise Refused("graphql.depth", detail={"limit": LEVELS})
