"""What parsing and validating leaves for the garbage collector, and the errors that it reports."""

import gc
import re

import pytest
from graphql import NameNode, Node, Visitor, build_schema, execute_sync, parse, print_ast, visit

from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.documents import Documents
from chatserver_plugins.graphql.errors import Refused

SCHEMA = build_schema("type Query { me(id: ID, n: Int): User } type User { id: ID name: String }")
WIDE = " ".join(f"a{n}: me(id: {n}) {{ id name }}" for n in range(49))
ODD = {
    "a syntax error at the end": "{" + WIDE,
    "comments": "{" + WIDE.replace("}", "}#,\n"),
    "too many tokens": "{" + WIDE * 3 + "}",
    "too many aliases": "{" + WIDE + "b: me { id } c: me { id } }",
    "unknown fields": "{" + WIDE.replace("name", "nothing") + "}",
    "values of the wrong type": "{" + WIDE.replace("id: ", "n: 1.") + "}",
}
LEFT = 400  # objects, whatever the document's length


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA, GraphQLConfig())


def refusal(documents: Documents, text: str) -> list[str]:
    """The messages of its errors. `pytest.raises` would make a circle of the error and its frames."""
    try:
        documents.get(text)
    except Refused as refused:
        return [error.message for error in refused.errors or ()]
    raise AssertionError("it is valid")


@pytest.mark.parametrize("name", ODD)
def test_a_refused_document_leaves_little_garbage(documents: Documents, name: str) -> None:
    refusal(documents, ODD[name])  # makes what is kept for good
    gc.collect()
    gc.disable()
    try:
        refusal(documents, ODD[name])
        assert gc.collect() < LEFT
    finally:
        gc.enable()


def test_a_valid_document_leaves_little_garbage(documents: Documents) -> None:
    documents.get("{" + WIDE + "}")
    gc.collect()
    gc.disable()
    try:
        documents.get("{" + WIDE + " }")
        assert gc.collect() < LEFT
    finally:
        gc.enable()


@pytest.mark.parametrize(("count", "shown"), [(19, 19), (20, 20), (21, 21), (49, 21)])
def test_only_the_first_errors_are_shown(documents: Documents, count: int, shown: int) -> None:
    errors = refusal(documents, "{" + " ".join(f"x{n}" for n in range(count)) + "}")
    assert len(errors) == shown
    assert [bool(re.match("Cannot query field", each)) for each in errors[:20]] == [True] * min(
        20, shown
    )
    assert (errors[-1] == "More is invalid than is shown here.") == (count > 20)


def test_an_error_has_its_place(documents: Documents) -> None:
    with pytest.raises(Refused) as refused:
        documents.get("{ me {\n  nothing } }")
    (error,) = refused.value.errors or ()
    assert [(place.line, place.column) for place in error.locations or ()] == [(2, 3)]


def test_similar_names_are_suggested_unless_they_are_hidden(documents: Documents) -> None:
    assert refusal(documents, "{ mee }") == [
        "Cannot query field 'mee' on type 'Query'. Did you mean 'me'?"
    ]
    with pytest.raises(Refused) as refused:
        documents.get("{ mee }", hide_names=True)
    assert [error.message for error in refused.value.errors or ()] == [
        "Cannot query field 'mee' on type 'Query'."
    ]


def test_documents_share_their_names(documents: Documents) -> None:
    first = documents.get("{ me { name } }").node
    long = "x" * 65
    second = documents.get(f"query {long} {{ again: me {{ name }} }}").node
    assert document_names(first)["name"] is document_names(second)["name"]
    assert long not in documents._names and document_names(second)[long].loc is None
    assert print_ast(first) == print_ast(parse("{ me { name } }"))


@pytest.mark.parametrize(
    ("text", "variables", "place"),
    [
        ("query Q($n: Int) {\n me(n: $n) { id }\n}", {"n": "x"}, (1, 9)),
        ("query Q($n: Int) {\n bad: me(need: $n) { id }\n}", {"n": None}, (2, 16)),
        ("{\n me { id broken }\n}", {}, (2, 10)),
        ("query Q($n: Int = 1) {\n me(list: [$n]) { id }\n}", {"n": None}, (2, 12)),
        ("query Q($n: Int = 1) {\n me(in: {n: $n}) { id }\n}", {"n": None}, (2, 13)),
    ],
)
def test_errors_of_executions_have_their_places(
    text: str, variables: dict[str, object], place: tuple[int, int]
) -> None:
    schema = build_schema(
        "type Query { me(n: Int, need: Int!=1, list: [Int!], in: In): User } input In { n: Int! }"
        " type User { id: ID broken: ID }"
    )
    document = Documents(schema, GraphQLConfig()).get(text).node

    class User:
        def broken(self, info: object) -> None:
            raise ValueError

    whole = execute_sync(schema, parse(text), {"me": User()}, variable_values=variables)
    found = execute_sync(schema, document, {"me": User()}, variable_values=variables)
    assert found.errors and whole.errors
    assert found.errors[0].locations == whole.errors[0].locations == [place]


def test_the_names_that_are_shared_are_bounded(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver_plugins.graphql.documents.NAMES", 10)
    for number in range(50):
        documents.get(f"query Q{number} {{ me {{ id }} }}")
    assert len(documents._names) <= 10 + 3


def document_names(node: Node) -> dict[str, NameNode]:
    """All names in a document."""
    found: dict[str, NameNode] = {}

    class Names(Visitor):
        def enter_name(self, name: NameNode, *_: object) -> None:
            found[name.value] = name

    visit(node, Names())
    return found
