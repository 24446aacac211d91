"""Random GraphQL documents: from the schema, so that they are mostly valid, and then damaged."""

from pathlib import Path
from random import Random
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from tests.fuzz import values

SCHEMA = build_schema((Path(__file__).parents[2] / "docs/schema/schema.graphql").read_text("utf-8"))
MOST_DEPTH = 7
ENDING = {"logout"}  # of the session that attacks: what comes later would be refused at the door
INTROSPECTION = (
    "{__schema{types{name fields{name type{name ofType{name ofType{name}}}}}}}",
    "{__schema{"
    + "".join(f"a{n}:types{{fields{{args{{type{{ofType{{name}}}}}}}}}}" for n in range(40))
    + "}}",
    "{__schema{types{" + "fields{type{" * 8 + "name" + "}}" * 8 + "}}}",
    "{"
    + "".join(f'a{n}:__type(name:"Message"){{fields{{name description}}}}' for n in range(60))
    + "}",
)


def request(rng: Random, knowns: list[str]) -> Any:
    """The JSON of a request, or of a batch of them."""
    if rng.random() < 0.08:
        return [request(rng, knowns) for _ in range(rng.choice((0, 1, 3, 11)))]
    found: dict[str, Any] = {"query": document(rng, knowns)}
    if rng.random() < 0.3:
        found["variables"] = {values.word(rng): values.value(rng) for _ in range(3)}
    if rng.random() < 0.1:
        found["operationName"] = values.value(rng)
    if rng.random() < 0.1:
        found["extensions"] = {"persistedQuery": {"version": 1, "sha256Hash": values.text(rng)}}
    return found


def document(rng: Random, knowns: list[str], only: str = "") -> str:
    """An operation of one kind, `only` that one if it is given."""
    kind = rng.random()
    if kind < 0.06 and not only:
        return rng.choice(INTROSPECTION)
    if kind < 0.1:
        return values.text(rng)
    if kind < 0.12:
        return _chain(rng.randrange(1, 60), rng.randrange(1, 250))
    name = only or rng.choice(("query", "query", "mutation", "subscription"))
    root = {
        "query": SCHEMA.query_type,
        "mutation": SCHEMA.mutation_type,
        "subscription": SCHEMA.subscription_type,
    }[name]
    assert root is not None
    text = f"{name} {_selection(rng, root, 0, knowns)}"
    if rng.random() < 0.1:
        text = f"fragment F on Message {{ id body author {{ ...G }} }} fragment G on User {{ id ...G }} {text}"
    if rng.random() < 0.1:
        place = rng.randrange(len(text))
        text = (
            text[:place]
            + rng.choice(("", "{", "}", "(", "...", "@x", '"', "#", "\0", "🙂", "a:" * 400))
            + text[place:]
        )
    return text


def _chain(fragments: int, depth: int) -> str:
    """Fragments that each nest selections, and the next fragment in them."""
    return "{ ...f0 }" + "".join(
        f" fragment f{n} on Query {{" + "... {" * depth + f"...f{n + 1}" + "}" * (depth + 1)
        for n in range(fragments)
    )


def _selection(rng: Random, kind: Any, depth: int, knowns: list[str]) -> str:
    if is_abstract_type(kind):
        parts = [
            f"... on {each.name} {_selection(rng, each, depth + 1, knowns)}"
            for each in rng.sample(list(SCHEMA.get_possible_types(kind)), 2)
        ]
        return "{ __typename " + " ".join(parts) + " }"
    assert isinstance(kind, GraphQLObjectType)
    fields = [(name, field) for name, field in kind.fields.items() if name not in ENDING]
    parts = []
    for name, field in rng.sample(fields, min(len(fields), rng.randrange(1, max(2, 7 - depth)))):
        for _ in range(30 if rng.random() < 0.01 else 1):
            inner = get_named_type(field.type)
            if not is_leaf_type(inner) and depth >= MOST_DEPTH:
                continue
            alias = f"{values.word(rng)}{rng.randrange(999)}: " if rng.random() < 0.5 else ""
            arguments = [
                f"{key}: {_literal(rng, given.type, knowns)}"
                for key, given in field.args.items()
                if is_non_null_type(given.type) or rng.random() < 0.4
            ]
            called = f"({', '.join(arguments)})" if arguments else ""
            directive = rng.choice(("", "", "", "", " @include(if: true)", " @skip(if: $v)"))
            below = "" if is_leaf_type(inner) else f" {_selection(rng, inner, depth + 1, knowns)}"
            parts.append(f"{alias}{name}{called}{directive}{below}")
    return "{ " + " ".join(parts or ["__typename"]) + " }"


def _literal(rng: Random, kind: Any, knowns: list[str]) -> str:
    if is_non_null_type(kind):
        return _literal(rng, kind.of_type, knowns)
    if rng.random() < 0.1:
        return rng.choice(
            ("null", "1", '""', "[]", "{}", "X", "[[[[1]]]]", "-99999999999999999999", "$nobody")
        )
    if is_list_type(kind):
        return (
            "["
            + ", ".join(
                _literal(rng, kind.of_type, knowns)
                for _ in range(300 if rng.random() < 0.02 else rng.randrange(3))
            )
            + "]"
        )
    if isinstance(kind, GraphQLInputObjectType):
        parts = [
            f"{name}: {_literal(rng, field.type, knowns)}"
            for name, field in kind.fields.items()
            if is_non_null_type(field.type) or rng.random() < 0.5
        ]
        return "{ " + ", ".join(parts) + " }"
    if is_enum_type(kind):
        return str(rng.choice(list(kind.values)))
    if kind.name == "Int":
        return str(rng.choice((0, 1, 5, 50, 200, 1000, -1, 2**31 - 1, 2**31)))
    if kind.name == "Boolean":
        return rng.choice(("true", "false"))
    return _quoted(rng.choice(knowns) if knowns and rng.random() < 0.6 else values.text(rng))


def _quoted(text: str) -> str:
    escaped = text.encode("utf-8", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char >= " " else f"\\u{ord(char):04x}" for char in escaped) + '"'
