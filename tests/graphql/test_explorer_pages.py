"""The explorer is shown to browsers only, and other pages can take its place."""

import pytest

from chatserver_plugins.graphql import explorer
from tests.graphql.asker import without_cost
from tests.graphql.conftest import Start
from tests.protocol.running import Running


async def test_a_client_is_not_shown_the_page(server: Running) -> None:
    browser = "text/html,application/xhtml+xml,*/*;q=0.8"
    page = await server.http("GET", "/graphql", headers={"Accept": browser})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    headers = {"Accept": "application/json"}
    query = {"query": "{ __typename }"}
    answer = await server.http("GET", "/graphql", params=query, headers=headers)
    assert without_cost(answer.json()) == {"data": {"__typename": "Query"}}
    assert (await server.http("GET", "/graphql", headers=headers)).status_code == 400


async def test_it_can_be_off(start: Start) -> None:
    server = start({"plugin.graphql.explorer": False})
    answer = await server.http("GET", "/graphql", headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert (await server.http("GET", "/graphql/explorer/graphiql.js")).status_code == 404


async def test_it_says_what_to_install(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "PACKAGE", "no_such_package")
    answer = await start().http("GET", "/graphql", headers={"Accept": "text/html"})
    assert "pip install '.[graphiql]'" in answer.text
