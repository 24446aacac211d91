"""The metrics of operations."""

import re

from tests.graphql.asker import Asker
from tests.graphql.conftest import Start


async def test_operations_and_refusals_are_counted(start: Start) -> None:
    server = start()
    asker = Asker(server)
    for _ in range(3):
        await asker.ask("query Mine { me { id } }")
    await asker.ask("{ __typename }")
    await asker.code('query Room { room(id: "x") { id } }')
    await asker.code("{ nonsense }")
    await server.http("POST", "/graphql", content=b"x", headers={"Content-Type": "text/plain"})
    text = (await server.http("GET", "/metrics")).text

    def figure(line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.M)
        assert found, f"no {line} in the figures"
        return float(found[1])

    operations = 'chatserver_graphql_operations_total{name="%s",outcome="%s",type="query"}'
    assert figure(operations % ("Mine", "ok")) == 3
    assert figure(operations % ("(anonymous)", "ok")) == 1
    assert figure(operations % ("Room", "error")) == 1
    assert figure('chatserver_graphql_seconds_count{name="Mine",type="query"}') == 3
    refused = 'chatserver_graphql_refused_total{reason="%s"}'
    assert figure(refused % "graphql.invalid") == 1
    assert figure(refused % "request.media_type") == 1
