"""Documents that are known, and those that are kept ready-made."""

import json
from pathlib import Path

import pytest

from chatserver import Measures, StartupError
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.documents import Documents
from chatserver_plugins.graphql.execution import Execution
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.plan import Plans
from chatserver_plugins.graphql.pure import PURE
from chatserver_plugins.graphql.schema import build, build_costs
from chatserver_plugins.graphql.scopes import Scopes
from tests.graphql.asker import Asker, without_cost
from tests.graphql.conftest import Start

KNOWN = {
    "who": "{ __typename me { id } }",
    "rooms": "query R($n: Int) { rooms(first: $n) { nodes { id } } }",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps(KNOWN))
    return path


async def test_a_known_document_by_its_id(start: Start, file: Path) -> None:
    server = start({"plugin.graphql.documents": str(file)})
    expected = {"data": {"__typename": "Query", "me": None}}
    answer = await server.http("POST", "/graphql", {"documentId": "who"})
    assert without_cost(answer.json()) == expected
    answer = await server.http("GET", "/graphql", params={"documentId": "who"})
    assert without_cost(answer.json()) == expected
    by_hash = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "who"}}}
    assert without_cost((await server.http("POST", "/graphql", by_hash)).json()) == expected
    answer = await server.http("POST", "/graphql", {"documentId": "rooms", "variables": {"n": 1}})
    assert answer.json()["errors"][0]["extensions"]["code"] == "auth.required"
    answer = await server.http("POST", "/graphql", {"documentId": "none"})
    assert answer.json()["errors"][0]["extensions"]["code"] == "graphql.document_unknown"
    assert await Asker(server).ask("{ __typename }") == {"__typename": "Query"}


async def test_known_documents_as_the_only_ones(start: Start, file: Path) -> None:
    server = start({"plugin.graphql.documents": str(file), "plugin.graphql.documents_only": True})
    answer = await server.http("POST", "/graphql", {"documentId": "who"})
    assert answer.json()["data"]["__typename"] == "Query"
    assert await Asker(server).code("{ __typename }") == "graphql.document_required"
    assert await Asker(server).code(KNOWN["who"]) == "graphql.document_required"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "documents.json"),
        ("[]", "expected an object"),
        ('{"a": 1}', "expected an object"),
        ('{"a": "{ nonsense }"}', "a: Cannot query field 'nonsense'"),
        ('{"deep": "{ rooms { nodes { __typename } } }"}', "deep: The document is nested"),
    ],
)
def test_a_bad_file_refuses_to_start(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "documents.json"
    path.write_text(text)
    config = GraphQLConfig(documents=str(path), depth=2)
    with pytest.raises(StartupError, match=r"plugin\.graphql\.documents") as error:
        Documents(build([own_part()]), config)
    assert reason in str(error.value)


def test_only_known_documents_need_some() -> None:
    with pytest.raises(ValueError, match="documents_only"):
        GraphQLConfig(documents_only=True)


def test_a_document_is_kept_from_its_second_use_on() -> None:
    documents = Documents(build([own_part()]), GraphQLConfig())
    first = documents.get("{ __typename }")
    assert not documents.is_ready("{ __typename }")
    second = documents.get("{ __typename }")
    assert documents.is_ready("{ __typename }") and second is not first
    assert documents.get("{ __typename }") is second


def test_documents_that_come_once_drive_out_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver_plugins.graphql.documents.SEEN", 50)
    documents = Documents(build([own_part()]), GraphQLConfig(documents_kept_chars=100))
    kept = [documents.get("{ __typename }") for _ in range(2)][1]
    for number in range(60):
        documents.get(f"query Q{number} {{ __typename }}")
    assert documents.get("{ __typename }") is kept
    assert len(documents._seen) == 50
    documents.get("query Q0 { __typename }")  # seen too long ago to count
    assert not documents.is_ready("query Q0 { __typename }")


def test_a_frequent_document_stays_ready() -> None:
    config = GraphQLConfig(documents_kept_chars=100)
    documents = Documents(build([own_part()]), config)
    first = [documents.get("{ __typename }") for _ in range(2)][1]

    def use(name: str) -> None:
        for _ in range(2):
            documents.get(f"query {name} {{ __typename }}")

    for number in range(20):
        assert documents.get("{ __typename }") is first
        use(f"Q{number}")
    for number in range(5):
        use(f"P{number}")
    assert documents.get("{ __typename }") is not first


def test_a_document_larger_than_all_that_is_kept() -> None:
    documents = Documents(build([own_part()]), GraphQLConfig(documents_kept_chars=10))
    _, large = (documents.get("query Large { __typename }") for _ in range(2))
    assert documents.get("query Large { __typename }") is large


def test_measures_of_names_are_bounded() -> None:
    measures = Measures()
    execution = Execution(
        (schema := build([own_part()])),
        build_costs(schema, []),
        Scopes([]),
        Plans(schema, PURE),
        GraphQLConfig(),
        measures,
        debug=False,
    )
    for number in range(1000):
        execution.measures.executed(f"Name{number}", "query", 0.001, failed=False)
    counter = next(each for each in measures if each.name == "chatserver_graphql_operations_total")
    values = getattr(counter, "values")  # noqa: B009 - a gauge has none
    assert len(values) == 101
    assert values["(other)", "query", "ok"] == 900
