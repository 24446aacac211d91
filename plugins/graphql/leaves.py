"""Reads fields that are attributes of their parent object directly.

graphql-core makes a path, an info and four calls for each field, which takes some eight microseconds. An
attribute of the right type needs none of these, and large answers consist mostly of such fields.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)

Read = Callable[[Any], Any]
INT_MOST = 2**31 - 1
# Python's types whose values go unchanged into the answer.
PLAIN: dict[GraphQLLeafType, type] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
}


class NotSimple(Exception):
    """A value that graphql-core must handle: an error, or None for a required field."""


class Attribute:
    """The resolver of a field that is an attribute of the object."""

    def __init__(self, name: str) -> None:
        self.get = attrgetter(name)

    def __call__(self, parent: object, info: object) -> object:
        return self.get(parent)


class Leaves:
    """The fields of a schema that can be read directly."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._by_type: dict[str, Mapping[str, Read]] = {}
        for kind in schema.type_map.values():
            if is_object_type(kind):
                self._by_type[kind.name] = {
                    "__typename": _constant(kind.name),
                    **_readers(kind.fields),
                }

    def of(self, kind: str) -> Mapping[str, Read]:
        """For fields of a type, functions from the object to the value in the answer.

        They may raise anything. The field is then resolved in the general way, which reports the error.
        """
        return self._by_type[kind]


def _constant(value: str) -> Read:
    def read(parent: Any) -> str:
        return value

    return read


def _readers(fields: Mapping[str, GraphQLField]) -> dict[str, Read]:
    return {
        name: read
        for name, field in fields.items()
        if isinstance(field.resolve, Attribute) and (read := _reader(field, field.resolve.get))
    }


def _reader(field: GraphQLField, get: Read) -> Read | None:
    is_required = is_non_null_type(field.type)
    kind = field.type.of_type if is_non_null_type(field.type) else field.type
    if field.args or not is_leaf_type(kind):
        return None
    if kind in PLAIN:
        return _plain(get, PLAIN[kind], _coerced(get, kind, is_required))
    if kind is GraphQLInt:
        return _integer(get, _coerced(get, kind, is_required))
    return _coerced(get, kind, is_required)


def _plain(get: Read, expected: type, otherwise: Read) -> Read:
    def read(parent: Any) -> Any:
        value = get(parent)
        return value if type(value) is expected else otherwise(parent)

    return read


def _integer(get: Read, otherwise: Read) -> Read:
    def read(parent: Any) -> Any:
        value = get(parent)
        return value if type(value) is int and -INT_MOST <= value <= INT_MOST else otherwise(parent)

    return read


def _coerced(get: Read, kind: GraphQLLeafType, is_required: bool) -> Read:
    coerce = kind.coerce_output_value

    def read(parent: Any) -> Any:
        value = get(parent)
        if value is None and not is_required:
            return None
        if value is None or value is Undefined or isinstance(value, Exception):
            raise NotSimple
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise NotSimple
        return coerced

    return read
