"""GraphQL over HTTP: media types, methods, and what pages of other origins cannot do."""

import json
from typing import Any

import httpx
import pytest

from tests.graphql.asker import Asker, without_cost
from tests.graphql.conftest import People
from tests.protocol.running import Running

JSON, GRAPHQL = "application/json", "application/graphql-response+json"
QUERY = {"query": "{ __typename }"}


async def send(
    server: Running, method: str = "POST", body: object = QUERY, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": JSON, **named}
    return await server.http(method, "/graphql", content=content, headers=given)


async def get(server: Running, params: dict[str, str], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await server.http("GET", "/graphql", params=params, headers=named)


def code(answer: httpx.Response) -> str:
    found: str = answer.json()["errors"][0]["extensions"]["code"]
    return found


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{JSON};q=0.5, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"text/plain, {GRAPHQL};q=0.1, */*;q=0", GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL),
        ("", JSON),
    ],
)
async def test_the_answer_is_of_the_type_that_is_accepted(
    server: Running, accept: str, media: str
) -> None:
    answer = await send(server, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{media}; charset=utf-8"
    assert without_cost(answer.json()) == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["text/plain", "image/*", f"{JSON};q=0", f"{JSON};q=x"])
async def test_another_type_is_not_to_be_had(server: Running, accept: str) -> None:
    answer = await send(server, Accept=accept)
    assert (answer.status_code, code(answer)) == (406, "graphql.not_acceptable")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"query": "{"}, "graphql.parse"),
        ({"query": ""}, "graphql.parse"),
        ({"query": "{ nonsense }"}, "graphql.invalid"),
        ({"query": "{ room(id: {}) { id } }"}, "graphql.invalid"),
        ({"query": "query A { __typename } query B { __typename }"}, "graphql.operation"),
        ({**QUERY, "operationName": "C"}, "graphql.operation"),
        ({"query": "fragment F on Query { __typename }"}, "graphql.invalid"),
        ({"query": "type A { b: Int }"}, "graphql.invalid"),
        ({"query": "query ($id: ID!) { user(id: $id) { id } }"}, "graphql.variables"),
        (
            {"query": "query ($n: Int) { rooms(first: $n) { nodes { id } } }", "variables": {"n": "x"}},
            "graphql.variables",
        ),
        ({"query": "{ __typename }", "documentId": "x"}, "graphql.document_unknown"),
    ],
)  # fmt: skip
async def test_documents_that_cannot_be_executed(
    server: Running, body: dict[str, object], expected: str
) -> None:
    """As application/json, a well-formed request gets a result, with 200; the other type has statuses."""
    older, newer = (
        await send(server, body=body, Accept=JSON),
        await send(server, body=body, Accept=GRAPHQL),
    )
    assert (older.status_code, newer.status_code) == (200, 400)
    for answer in (older, newer):
        assert "data" not in answer.json()
        assert code(answer) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"query": NaN}',
        b"[" * 10_000,
        b"1",
        b"null",
        b'"{ __typename }"',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": ["{ __typename }"]}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "extensions": 1}',
        b'{"query": "{ __typename }", "operationName": {}}',
        b'{"query": "{ __typename }", "documentId": {"$gt": ""}}',
        b'{"extensions": {"persistedQuery": {"sha256Hash": {"$gt": ""}}}}',
        b'{"query": "\\ud800"}',
    ],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_body_that_is_no_request_is_refused(
    server: Running, body: bytes, accept: str
) -> None:
    answer = await send(server, body=body, Accept=accept)
    assert (answer.status_code, code(answer)) == (400, "request.invalid")


async def test_by_get_there_are_queries_only(server: Running) -> None:
    answer = await get(server, {"query": "query A { __typename }", "operationName": "A"})
    assert without_cost(answer.json()) == {"data": {"__typename": "Query"}}
    with_variables = {"query": "query ($x: Boolean!) { __typename @skip(if: $x) }"}
    answer = await get(server, {**with_variables, "variables": '{"x": true}'})
    assert without_cost(answer.json()) == {"data": {}}
    for bad in ("{", "[]", '"x"'):
        answer = await get(server, {**with_variables, "variables": bad})
        assert (answer.status_code, code(answer)) == (400, "request.invalid")
    for accept in (JSON, GRAPHQL):
        answer = await get(server, {"query": "mutation { logout { user { id } } }"}, Accept=accept)
        assert (answer.status_code, code(answer)) == (405, "graphql.get")
        assert answer.headers["Allow"] == "POST"
    answer = await get(server, {})
    assert (answer.status_code, code(answer)) == (400, "request.invalid")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods_are_not_there(server: Running, method: str) -> None:
    answer = await send(server, method)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (405, "request.method")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/plain; a=application/json",
        "application/x-www-form-urlencoded",
        "application/graphql",
        "application/json; charset=utf-16",
    ],
)
async def test_a_post_that_any_page_could_send_is_refused(
    server: Running, content_type: str
) -> None:
    answer = await send(server, Content_Type=content_type)
    assert (answer.status_code, code(answer)) == (415, "request.media_type")


async def test_a_form_is_refused(server: Running) -> None:
    files = {"operations": (None, json.dumps(QUERY)), "map": (None, "{}")}
    answer = await server.http("POST", "/graphql", files=files)
    assert (answer.status_code, code(answer)) == (415, "request.media_type")


async def test_a_get_with_the_cookie_needs_a_header_that_no_foreign_page_can_send(
    people: People,
) -> None:
    (ada,) = await people("Ada")
    query = {"query": "{ me { id } }"}
    mine: dict[str, Any] = {"data": {"me": {"id": ada.id}}}
    assert ada.person is not None
    by_cookie = f"chat_session={ada.person.token}"
    for accept in ("*/*", JSON, GRAPHQL):
        answer = await get(ada.server, query, Cookie=by_cookie, Accept=accept)
        assert (answer.status_code, code(answer)) == (403, "graphql.preflight")
    for header in ("GraphQL_Preflight", "Apollo_Require_Preflight", "X_Apollo_Operation_Name"):
        answer = await get(ada.server, query, Cookie=by_cookie, **{header: "1"})
        assert without_cost(answer.json()) == mine
    answer = await get(ada.server, query, Cookie=by_cookie, Content_Type=JSON)
    assert without_cost(answer.json()) == mine
    by_header = await get(ada.server, query, Authorization=f"Bearer {ada.person.token}")
    assert without_cost(by_header.json()) == mine
    assert without_cost((await send(ada.server, body=query, Cookie=by_cookie)).json()) == mine


async def test_a_foreign_page_is_refused_whatever_it_sends(people: People) -> None:
    (ada,) = await people("Ada")
    assert ada.person is not None
    given = {"Cookie": f"chat_session={ada.person.token}", "Origin": "https://evil.example"}
    answer = await send(ada.server, **given)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (403, "request.origin")
    answer = await get(ada.server, QUERY, GraphQL_Preflight="1", **given)
    assert (answer.status_code, code(answer)) == (403, "request.origin")


async def test_an_operation_that_is_not_there_is_named(people: People) -> None:
    (ada,) = await people("Ada")
    refused = await send(ada.server, body={**QUERY, "operationName": "Newest"})
    assert refused.json()["errors"][0]["message"] == "There is no operation 'Newest' here."


async def test_several_operations_in_one_request(people: People) -> None:
    (ada,) = await people("Ada")
    assert ada.person is not None
    body = [QUERY, {"query": "{ nonsense }"}, {"query": "{ me { name } }"}]
    answer = (await ada.person.http("POST", "/graphql", body)).json()
    assert without_cost(answer[0]) == {"data": {"__typename": "Query"}}
    assert answer[1]["errors"][0]["extensions"]["code"] == "graphql.invalid"
    assert without_cost(answer[2]) == {"data": {"me": {"name": "Ada"}}}
    for count in (0, 11):
        refused = await send(ada.server, body=[QUERY] * count)
        assert (refused.status_code, code(refused)) == (400, "graphql.batch")
        text = "too many operations" if count else "no operations"
        assert text in refused.json()["errors"][0]["message"]
    ten = (await send(ada.server, body=[QUERY] * 10)).json()
    assert [without_cost(each) for each in ten] == [{"data": {"__typename": "Query"}}] * 10
    assert code(await send(ada.server, body=[QUERY, []])) == "request.invalid"


async def test_a_partial_result_is_a_result(nobody: Asker) -> None:
    body = {"query": '{ __typename user(id: "x") { id } }'}
    answer = await send(nobody.server, body=body, Accept=GRAPHQL)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"__typename": "Query", "user": None}
    (error,) = answer.json()["errors"]
    assert error["path"] == ["user"]
    assert error["locations"] == [{"line": 1, "column": 14}]
    assert error["message"] == "Sign in first."
    assert error["extensions"] == {"code": "auth.required", "retry": "never"}


STREAM = "text/event-stream"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, {STREAM}, multipart/mixed"
SUBSCRIPTION = {"query": "subscription { userEvents { __typename } }"}


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (URQL, GRAPHQL),
        (f"{JSON}, {STREAM}", JSON),
        (f"{STREAM};q=0.9, {JSON}", JSON),
        (f"{STREAM};q=0.9, */*", JSON),
        (f"{STREAM};q=0, {JSON};q=0.1", JSON),
        (f"{STREAM}, {JSON}", STREAM),
        (f"{JSON};q=0.5, {STREAM}", STREAM),
        (f"{STREAM}, */*;q=0.5", STREAM),
        (f"application/*;q=0.9, {GRAPHQL};q=0.8", JSON),
        (f"{JSON};q=0, application/*, {GRAPHQL};q=0.1", GRAPHQL),
        (STREAM, STREAM),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_stream_is_the_answer_where_it_is_preferred(
    server: Running, method: str, accept: str, media: str
) -> None:
    if method == "GET":
        answer = await get(server, QUERY, Accept=accept)
    else:
        answer = await send(server, Accept=accept)
    assert answer.headers["Content-Type"].partition(";")[0] == media
    assert ("event: next" in answer.text) is (media == STREAM)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_is_a_stream_where_that_is_accepted_at_all(
    server: Running, method: str
) -> None:
    for accept, is_stream in ((URQL, True), (JSON, False), (f"{JSON}, {STREAM};q=0", False)):
        if method == "GET":
            answer = await get(server, SUBSCRIPTION, Accept=accept)
        else:
            answer = await send(server, body=SUBSCRIPTION, Accept=accept)
        assert answer.headers["Content-Type"].startswith(STREAM) is is_stream
        if is_stream:
            assert "auth.required" in answer.text
        else:
            assert code(answer) in ("graphql.operation", "graphql.get")


async def test_a_query_with_the_header_of_urql_makes_nobody_online(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    assert ada.person is not None
    text = "query ($r: ID!) { room(id: $r) { members { nodes { online user { id } } } } }"
    body = {"query": text, "variables": {"r": room}}
    answer = await send(
        ada.server, body=body, Accept=URQL, Authorization=f"Bearer {ada.person.token}"
    )
    nodes = answer.json()["data"]["room"]["members"]["nodes"]
    assert [node["online"] for node in nodes] == [False, False]
