"""Builds the schema from the parts of all plugins."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache

from ariadne import EnumType, make_executable_schema
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    is_abstract_type,
    is_enum_type,
    is_introspection_type,
    is_object_type,
    parse,
)
from graphql.language import NameNode, ast

from chatserver import GraphQLPart, StartupError
from chatserver_plugins.graphql.costs import Costs
from chatserver_plugins.graphql.leaves import Attribute
from chatserver_plugins.graphql.resolvers import events


def build(parts: Sequence[GraphQLPart]) -> GraphQLSchema:
    """The executable schema. Raises `StartupError` with the name of an invalid part."""
    _check_names(parts)
    kinds: dict[str, type] = {}
    for part in parts:
        kinds |= part.kinds
    enums = [EnumType(name, kind) for name, kind in kinds.items() if issubclass(kind, Enum)]
    try:
        schema = make_executable_schema([part.sdl for part in parts], *enums)
    except (GraphQLError, ValueError, TypeError) as error:
        names = ", ".join(part.name for part in parts)
        raise StartupError(f"GraphQL parts {names}: {error}") from error
    for part in parts:
        _bind(schema, part)
    _check_sources(schema, parts)
    _bind_others(schema, kinds)
    return schema


def _check_names(parts: Sequence[GraphQLPart]) -> None:
    """Each part must be valid on its own, and define nothing that another part defines."""
    owners: dict[str, str] = {}
    for part in parts:
        try:
            names = _names(part.sdl)
        except GraphQLError as error:
            raise StartupError(f"GraphQL part {part.name}: {error}") from error
        for name in names:
            if name in owners:
                raise StartupError(f"GraphQL part {part.name}: {name} is defined by {owners[name]}")
            owners[name] = part.name


@lru_cache(
    maxsize=64
)  # a switch of plugins builds the schema anew, of parts that stay what they are
def _names(sdl: str) -> tuple[str, ...]:
    """What a part defines. Raises `GraphQLError`."""
    document = parse(sdl, no_location=True)
    return tuple(name for definition in document.definitions for name in _defined(definition))


def _defined(definition: ast.DefinitionNode) -> list[str]:
    """The names of types or directives that a definition makes, or of fields that it adds to a type."""
    name = getattr(definition, "name", None)
    if not isinstance(name, NameNode):
        return []
    fields = [f"{name.value}.{field.name.value}" for field in getattr(definition, "fields", ())]
    return fields if isinstance(definition, ast.TypeExtensionNode) else [name.value, *fields]


def _bind(schema: GraphQLSchema, part: GraphQLPart) -> None:
    for place, resolver in part.resolvers.items():
        name, _, field = place.partition(".")
        owner = schema.get_type(name)
        if not is_object_type(owner) or field not in owner.fields:
            raise StartupError(f"GraphQL part {part.name}: there is no field {place} to resolve")
        owner.fields[field].resolve = resolver
    for place in part.sources:
        name, _, field = place.partition(".")
        root = schema.subscription_type
        if root is None or name != root.name or field not in root.fields:
            raise StartupError(f"GraphQL part {part.name}: there is no field {place} to feed")
        if place not in part.resolvers:
            root.fields[field].resolve = events.event
    for name in part.kinds:
        if not (is_enum_type(schema.get_type(name)) or is_object_type(schema.get_type(name))):
            raise StartupError(f"GraphQL part {part.name}: there is no enum or type {name}")
    for place in (*part.costs, *part.lengths):
        name, _, field = place.partition(".")
        owner = schema.get_type(name)
        if not is_object_type(owner) or field not in owner.fields:
            raise StartupError(
                f"GraphQL part {part.name}: there is no field {place} to declare a cost for"
            )


def _check_sources(schema: GraphQLSchema, parts: Sequence[GraphQLPart]) -> None:
    """A field of `Subscription` must have a source: a resolver alone would never be called."""
    root = schema.subscription_type
    if root is None:
        return
    fed = {place for part in parts for place in part.sources}
    for name in root.fields:
        if name not in events.OWN_FIELDS and f"{root.name}.{name}" not in fed:
            raise StartupError(f"GraphQL: the field {root.name}.{name} has no source")


def _bind_others(schema: GraphQLSchema, kinds: Mapping[str, type]) -> None:
    """Bind defaults for fields and types without resolvers: attributes, arguments by name, types by class."""
    names = {kind: name for name, kind in kinds.items()}

    def type_of(value: object, info: object, abstract: object) -> str:
        return names[type(value)]

    for kind in schema.type_map.values():
        if is_abstract_type(kind):
            kind.resolve_type = type_of
        if not is_object_type(kind) or is_introspection_type(kind):
            continue
        _bind_fields(kind)


def _bind_fields(kind: GraphQLObjectType) -> None:
    for name, field in kind.fields.items():
        if field.resolve is None:
            field.resolve = Attribute(_snake_case(name))
        for argument_name, argument in field.args.items():
            argument.out_name = _snake_case(argument_name)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: "_" + found[0].lower(), name)


def build_costs(schema: GraphQLSchema, parts: Sequence[GraphQLPart]) -> Costs:
    """Costs of operations of this schema, from the costs of fields declared by its parts."""
    costs: dict[str, int] = {}
    lengths: dict[str, int] = {}
    for part in parts:
        costs |= part.costs
        lengths |= part.lengths
    return Costs(schema, costs, lengths)
