"""The generated parts about GraphQL: the schema as a page and as a file, the codes of its errors."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLNamedType,
    GraphQLSchema,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_introspection_type,
    is_object_type,
    is_scalar_type,
    is_specified_scalar_type,
    is_union_type,
    print_schema,
)
from wrapping import item, wrapped

from chatserver_plugins.graphql.errors import CODES
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build

_INTRO = """# The GraphQL schema

Generated from the schema itself, as it is without further plugins; how to ask is in [GraphQL](graphql.md).
The same for tools: [schema.graphql](schema/schema.graphql).
"""
_SECTIONS = {
    "Queries": lambda kind: kind.name == "Query",
    "Mutations": lambda kind: kind.name == "Mutation",
    "Objects": lambda kind: is_object_type(kind) and kind.name not in ("Query", "Mutation"),
    "Inputs": is_input_object_type,
    "Interfaces and unions": lambda kind: is_interface_type(kind) or is_union_type(kind),
    "Enums and scalars": lambda kind: is_enum_type(kind) or is_scalar_type(kind),
}


def page() -> str:
    """docs/graphql-schema.md."""
    kinds = [
        kind
        for kind in _schema().type_map.values()
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind)
    ]
    parts = [_INTRO]
    for title, belongs in _SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [_section(kind) for kind in sorted(kinds, key=_name) if belongs(kind)]
    return "\n".join(parts)


def sdl() -> str:
    """docs/schema/schema.graphql."""
    return print_schema(_schema()) + "\n"


def codes() -> str:
    rows = ["| code | status | retry | |", "|---|---|---|---|"]
    rows += [
        f"| `{code}` | {meaning.status} | {meaning.retry} | {meaning.text} |"
        for code, meaning in CODES.items()
    ]
    return "\n".join(rows)


def _schema() -> GraphQLSchema:
    return build([own_part()])


def _name(kind: GraphQLNamedType) -> str:
    return kind.name


def _section(kind: Any) -> str:
    lines = [f"### `{kind.name}`\n", f"{kind.description}\n"]
    if is_union_type(kind):
        names = ", ".join(f"`{each.name}`" for each in kind.types)
        lines.append(wrapped(f"One of {names}.") + "\n")
    items = list(_items(kind))
    if items:
        lines += [*items, ""]
    return "\n".join(lines)


def _items(kind: Any) -> Iterator[str]:
    """Its values or fields, with the arguments of each field below it."""
    for name, value in getattr(kind, "values", {}).items():
        yield item(f"`{name}`: {value.description}")
    for name, field in getattr(kind, "fields", {}).items():
        yield item(_described(name, field))
        for argument_name, argument in getattr(field, "args", {}).items():
            yield item(_described(argument_name, argument), level=1)


def _described(name: str, field: Any) -> str:
    shown = f"`{name}: {field.type}{_default(field)}`"
    return f"{shown}: {field.description}" if field.description else shown


def _default(field: Any) -> str:
    node = getattr(field.ast_node, "default_value", None)
    if node is None:
        return ""
    value = getattr(node, "value", None)
    return f" = {'[]' if value is None else value or chr(34) * 2}"
