"""Hostile documents: each is refused with its code, and soon."""

import asyncio
from functools import reduce
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import get_introspection_query

from chatserver import Measures, MemberEvent, ServerRole, User
from chatserver.app import Server
from chatserver.config import load
from chatserver.runtime.rate import Rates
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.execution import Execution, Ready
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.plan import Plans
from chatserver_plugins.graphql.pure import PURE
from chatserver_plugins.graphql.schema import build, build_costs
from chatserver_plugins.graphql.scopes import Scopes
from tests.effort import TRIES, bound, took
from tests.graphql.asker import Asker
from tests.graphql.conftest import People, Start

USER = User(
    id="ada", username="ada", name="Ada", role=ServerRole.MEMBER, at="2026-01-01T00:00:00.000Z"
)
# Three times the promise, on any machine; tests/fuzz measures the promise itself.
REFUSED_SECONDS = 0.15


def many(text: str, count: int, joined: str = " ") -> str:
    """`text` with # replaced by a number, so many times."""
    return joined.join(text.replace("#", str(number)) for number in range(count))


HOSTILE = {
    "10,000 aliases": ("{" + many("a#: __typename", 10_000) + "}", "graphql.tokens"),
    "aliases within the tokens": ("{" + many("a#: __typename", 60) + "}", "graphql.aliases"),
    "one field again and again": ("{" + many("__typename", 900) + "}", "graphql.aliases"),
    "in fragments": ("{" + many("... on Query { __typename }", 150) + "}", "graphql.aliases"),
    "nested fields": ("{ me " * 400 + "}" * 400, "graphql.depth"),
    "deeper than the parser follows": ("{ me " * 12_000, "graphql.depth"),
    "fragments nested in fragments": (
        "{ ...f0 }"
        + "".join(
            f" fragment f{n} on Query {{" + "...{" * 20 + f"...f{n + 1}" + "}" * 21
            for n in range(10)
        )
        + " fragment f10 on Query { me { id } }",
        "graphql.depth",
    ),
    "nested lists": ("{ room(id: " + "[" * 900 + "}", "graphql.depth"),
    "fragments in many places": (
        "{ ...f0 }"
        + "".join(
            f" fragment f{n} on Query {{ " + many(f"x{n}y#: me {{ ...f{n + 1} }}", 4) + " }"
            for n in range(11)
        )
        + " fragment f11 on Query { z }",
        "graphql.invalid",
    ),
    "fragments that meet in many ways": (
        "{ ...a0 ...b0 }"
        + "".join(
            f" fragment {name}{n} on Query {{ p{n} {{ ...a{n + 1} }} q{n} {{ ...{name}{n + 1} }} }}"
            for n in range(11)
            for name in "ab"
        )
        + " fragment a11 on Query { z } fragment b11 on Query { z }",
        "graphql.invalid",
    ),
    "the same subfields again and again": (
        "{" + many("me { id name username role at disabled }", 40) + "}", "graphql.aliases",
    ),
    "fragments that all spread each other": (
        "{ me {" + many("...f#", 24) + "} }"
        + "".join(
            f" fragment f{n} on User {{ id " + " ".join(f"...f{m}" for m in range(n + 1, 24)) + " }"
            for n in range(24)
        ),
        "graphql.aliases",
    ),
    "unknown fields of an input": (
        "mutation { createRoom(input: {" + many("f#: 1", 300) + "}) { room { id } } }", "graphql.invalid",
    ),
    "newlines": ("\n" * 60_000 + "{ x }", "graphql.invalid"),
    "a long text": ('{ room(id: "' + "\\n" * 100_000 + '") { id } }', "graphql.tokens"),
    "logins": (
        "mutation {" + many('a#: login(input: {username: "a", password: "#"}) { token }', 20) + "}",
        "graphql.cost",
    ),
    "a fragment in itself": ("{ ...a } fragment a on Query { ...a }", "graphql.invalid"),
    "fragments in a ring": (
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "graphql.invalid",
    ),
    "many fragments": (
        "{" + many("...f#", 60) + "}" + many("fragment f# on Query { me { id } }", 60), "graphql.tokens",
    ),
    "many operations": (many("query q# { __typename }", 30), "graphql.tokens"),
    "unknown fields": ("{" + many("x#", 900) + "}", "graphql.invalid"),
    "unknown arguments": ("{ room(" + many("x#: 1", 300) + ") { id } }", "graphql.invalid"),
    "unused variables": ("query (" + many("$x#: Int", 230) + ") { __typename }", "graphql.invalid"),
    "directives": ("{ __typename " + many("@skip(if: false)", 140) + "}", "graphql.invalid"),
    "comments": ("#\n" * 30_000 + "{ __typename }", "graphql.tokens"),
    "a wide query": (
        "{ rooms(first: 100) { nodes { messages(last: 100) { id body } } } }", "graphql.cost",
    ),
    "lists in lists": (
        "{ rooms(first: 100) { nodes { events(after: 0) { ... on MessageEdited { mentions { id name } } } } } }",
        "graphql.cost",
    ),
    "many searches": ("{" + many('a#: search(text: "a") { nodes { id } }', 20) + "}", "graphql.cost"),
    "introspection in circles": (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "graphql.invalid",
    ),
    "introspection again and again": ("{" + many("a#: __schema { types { name } }", 20) + "}", "graphql.cost"),
    "an escape that is no character": ('{ room(id: "\\uD800") { id } }', "graphql.parse"),
    "NUL": ("\0", "graphql.parse"),
}  # fmt: skip


@pytest.fixture(scope="module")
def execution() -> Execution:
    return made(GraphQLConfig())


def made(config: GraphQLConfig) -> Execution:
    parts = [own_part()]
    schema = build(parts)
    costs, scopes = build_costs(schema, parts), Scopes(parts)
    return Execution(schema, costs, scopes, Plans(schema, PURE), config, Measures(), debug=False)


def somebody() -> Asking:
    """A user whose rate has no limit."""
    service: Any = SimpleNamespace(rates=Rates(1e9, 1e9, 0))
    return Asking(service, user=USER, address="192.0.2.1")


def prepared(execution: Execution, text: str, **variables: Any) -> Ready:
    found = execution.documents.get(text)
    return execution.ready(found, Params(text, variables, None), somebody())


def execution_of(execution: Execution, text: str, name: str | None) -> Ready:
    found = execution.documents.get(text)
    return execution.ready(found, Params(text, None, name), somebody())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_at_once(execution: Execution, name: str) -> None:
    text, code = HOSTILE[name]

    def refused() -> None:
        with pytest.raises(Refused) as refusal:
            prepared(execution, text)
        assert refusal.value.code == code

    assert took(refused) < bound(REFUSED_SECONDS)


HUGE_VARIABLES: dict[str, object] = {
    "a long list": ["x"] * 30_000,
    "many lists": [["x"] * 10] * 3_000,
    "nested lists": reduce(lambda inside, _: [inside], range(400), 0),  # type: ignore[arg-type,return-value]
    "nested objects": reduce(lambda inside, _: {"a": inside}, range(400), 0),  # type: ignore[arg-type,return-value]
}


@pytest.mark.parametrize("name", HUGE_VARIABLES)
def test_variables_that_hold_too_much_are_refused_at_once(execution: Execution, name: str) -> None:
    text = "mutation ($v: [ID!]!) { createRoom(input: {members: $v}) { room { id } } }"
    prepared(execution, text, v=["x"] * 4_000)

    def refused() -> None:
        with pytest.raises(Refused, match=r"graphql\.variables"):
            prepared(execution, text, v=HUGE_VARIABLES[name])

    assert took(refused) < bound(REFUSED_SECONDS)


LONG = {
    "a string": '{ room(id: "' + "x" * 60_000 + '") { id } }',
    "escapes": '{ room(id: "' + "\\u0041" * 10_000 + '") { id } }',
    "a block string": '{ room(id: """' + "\n x" * 20_000 + '""") { id } }',
    "quotes in a block string": '{ room(id: """' + '\\"""' * 15_000 + '""") { id } }',
    "a comment": "#" + "x" * 60_000 + "\n{ __typename }",
    "commas": "," * 60_000 + "{ __typename }",
    "a literal list": 'subscription { presence(roomId: "x", userIds: [' + '"u" ' * 950 + "]) { online } }",
    "operations": many("query q# { me { id name username role at disabled } }", 19) + " query q { epoch }",
    "fields that meet": "{" + many("me { id name username role at disabled }", 20) + "}",
    "a chain of types": "{ __schema { types { fields { type" + "{ ofType" * 80 + "{ name }" + "}" * 84,
    "fragments that double": (
        "{ ...f0 }"
        + "".join(f" fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(40))
        + " fragment f40 on Query { rooms { nodes { id } } }"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_a_long_document_that_is_allowed_is_soon_ready(name: str) -> None:
    fresh = [made(GraphQLConfig()) for _ in range(TRIES)]  # documents are kept

    def ready() -> None:
        execution_of(fresh.pop(), LONG[name], "q" if name == "operations" else None)

    assert took(ready) < bound(REFUSED_SECONDS)


async def test_a_refusal_has_the_limit(people: People) -> None:
    (ada,) = await people("Ada")
    answer = await ada.answer("{ rooms(first: 100) { nodes { messages(last: 100) { id body } } } }")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "graphql.cost"
    assert error["extensions"]["detail"]["limit"] == 10_000
    assert error["extensions"]["detail"]["cost"] > 10_000
    assert "data" not in answer


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{ __typename }", {}, 1),
        ("{ me { id name } }", {}, 3),
        ("{ rooms { nodes { id } } }", {}, 101),
        ("{ rooms(first: 3) { nodes { id name } edges { cursor node { id } } } }", {}, 1 + 3 * 7),
        ("query ($n: Int) { rooms(first: $n) { nodes { id } } }", {"n": 7}, 1 + 7 * 2),
        ("query ($n: Int) { rooms(first: $n) { nodes { id } } }", {}, 101),
        ("query ($n: Int = 4) { rooms(first: $n) { nodes { id } } }", {}, 9),
        ("query ($n: Int) { rooms(first: $n) { nodes { id } } }", {"n": -5}, 3),
        ("query ($n: Int) { rooms(first: $n) { nodes { id } } }", {"n": 7.0}, 15),
        ("query ($n: Int) { rooms(first: $n) { nodes { id } } }", {"n": None}, 101),
        ("query ($n: Int) { rooms(first: $n) { nodes { id } } }", {"n": "many"}, 21),
        ('{ room(id: "r") { messages(last: 5) { id reactions { emoji } } } }', {}, 1 + 10 + 5 * 5),
        ("{ ...f ...f } fragment f on Query { me { id } }", {}, 2),
        ('{ search(text: "a", first: 2) { nodes { id } } }', {}, 504),
    ],
)
def test_the_cost_of_an_operation(
    execution: Execution, text: str, variables: dict[str, object], cost: int
) -> None:
    just_enough, too_little = GraphQLConfig(cost=cost), GraphQLConfig(cost=max(1, cost - 1))
    prepared(made(just_enough), text, **variables)
    if cost > 1:
        with pytest.raises(Refused, match=r"graphql\.cost"):
            prepared(made(too_little), text, **variables)


def test_queries_of_tools_pass(execution: Execution) -> None:
    prepared(execution, get_introspection_query())
    fragments = "".join(f" fragment f{n} on User {{ id username }}" for n in range(20))
    prepared(execution, "{ me { " + many("...f#", 20) + " } }" + fragments)


@pytest.mark.parametrize(
    "query", ["{ __schema { types { name } } }", '{ __type(name: "User") { name } }']
)
@pytest.mark.parametrize("shown_to", ["all", "signed_in", "none"])
async def test_the_schema_is_shown_to_the_configured_users(
    start: Start, query: str, shown_to: str
) -> None:
    server = start({"plugin.graphql.introspection": shown_to})
    ada, nobody = Asker(server, await server.person("ada")), Asker(server)
    for asker, is_shown in ((ada, shown_to != "none"), (nobody, shown_to == "all")):
        answer = await asker.answer(query)
        if is_shown:
            assert "name" in str(answer["data"])
        else:
            assert answer["errors"][0]["extensions"]["code"] == "graphql.introspection"
        assert await asker.ask("{ __typename }") == {"__typename": "Query"}
        hint = (await asker.answer("{ mee { id } }"))["errors"][0]["message"].replace("mee", "")
        assert ("me" in hint) is is_shown  # names are no secret of who sees the schema


async def test_by_default_only_signed_in_users_see_the_schema() -> None:
    assert GraphQLConfig().introspection == "signed_in"
    assert load("development", environ={}).config.plugin["graphql"]["introspection"] == "all"


async def test_an_operation_that_takes_too_long_is_aborted(start: Start) -> None:
    server = start({"plugin.graphql.seconds": 0.5})
    (person,) = await server.people("ada")
    ada = Asker(server, person)

    async def freeze(running: Server) -> None:
        async def never(user: str) -> list[MemberEvent]:
            await asyncio.Event().wait()
            raise AssertionError

        running.store.memberships = never  # type: ignore[method-assign]

    await server.run(freeze)
    assert await ada.code("query Slow { rooms { nodes { id } } }") == "graphql.time"
    assert await ada.ask("{ me { name } }") == {"me": {"name": "ada"}}
