"""Documents that clients name by their hash."""

from hashlib import sha256
from typing import Any

import httpx
import pytest

from chatserver import ChatError
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.persisted import Persisted
from tests.graphql.asker import without_cost
from tests.graphql.conftest import Start
from tests.protocol.running import Running


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def named(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text)}}}


def said(answer: httpx.Response) -> tuple[int, str, str]:
    (error,) = answer.json()["errors"]
    return answer.status_code, error["message"], error["extensions"]["code"]


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_document_is_sent_once(server: Running, accept: str) -> None:
    text = f"query Once {{ __typename }} # {accept}"

    async def post(body: dict[str, Any]) -> httpx.Response:
        return await server.http("POST", "/graphql", body, headers={"Accept": accept})

    unknown = (200, "PersistedQueryNotFound", "graphql.persisted_unknown")
    assert said(await post(named(text))) == unknown
    expected = {"data": {"__typename": "Query"}}
    assert without_cost((await post({"query": text, **named(text)})).json()) == expected
    assert without_cost((await post(named(text))).json()) == expected


async def test_a_wrong_hash_is_refused(server: Running) -> None:
    body = {"query": "query Other { epoch }", **named("query One { epoch }")}
    answer = await server.http("POST", "/graphql", body)
    assert (answer.status_code, said(answer)[2]) == (400, "request.invalid")


async def test_invalid_documents_are_not_kept(server: Running) -> None:
    text = "query Bad { nonsense }"
    await server.http("POST", "/graphql", {"query": text, **named(text)})
    answer = await server.http("POST", "/graphql", named(text))
    assert said(answer)[2] == "graphql.persisted_unknown"


async def test_it_can_be_off(start: Start) -> None:
    server = start({"plugin.graphql.persisted_chars": 0})
    answer = await server.http("POST", "/graphql", named("{ __typename }"))
    assert said(answer)[1] == "PersistedQueryNotSupported"
    text = "{ __typename }"
    answer = await server.http("POST", "/graphql", {"query": text, **named(text)})
    assert answer.json()["data"] == {"__typename": "Query"}


def test_a_client_cannot_displace_documents_of_others() -> None:
    kept = Persisted(1000)
    kept.keep(hash_of("mine"), "mine", "ada")
    for number in range(1000):
        text = f"{number:050}"
        kept.keep(hash_of(text), text, "eve")
    assert kept.text(hash_of("mine"), None) == "mine"
    assert kept.text(hash_of(f"{999:050}"), None) == f"{999:050}"
    with pytest.raises(Refused, match="persisted_unknown"):
        kept.text(hash_of(f"{990:050}"), None)
    with pytest.raises(ChatError, match="hash"):
        kept.text(hash_of("mine"), "other")


def test_all_together_are_bounded() -> None:
    kept = Persisted(1000)
    texts = [f"{number:050}" for number in range(100)]
    for number, text in enumerate(texts):
        kept.keep(hash_of(text), text, f"user{number}")
    found = 0
    for text in texts:
        try:
            found += bool(kept.text(hash_of(text), None))
        except Refused:
            continue
    assert found == 20
