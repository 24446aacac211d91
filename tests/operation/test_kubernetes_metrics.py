"""The metric of the autoscaler: the adapter's queries, put to a real Prometheus that scrapes real servers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests import tools
from tests.faults.server import ChatServer
from tests.operation.manifests import KUBERNETES
from tests.servers import free_port
from tests.waiting import until, wait_until

SCRAPES = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: chatserver
    static_configs:
      - {{targets: ["127.0.0.1:{first}"], labels: {{namespace: chatserver, pod: first}}}}
      - {{targets: ["127.0.0.1:{second}"], labels: {{namespace: chatserver, pod: second}}}}
      - {{targets: ["127.0.0.1:{second}"], labels: {{namespace: other, pod: third}}}}
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[ChatServer]]:
    with (
        ChatServer(tmp_path / "first", store="memory") as first,
        ChatServer(tmp_path / "second", store="memory") as second,
    ):
        yield [first, second]


@pytest.fixture
def prometheus(servers: list[ChatServer], tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes them as Pods."""
    first, second = servers
    config = tmp_path / "prometheus.yml"
    config.write_text(SCRAPES.format(first=first.port, second=second.port))
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        tools.need_tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def is_ready() -> bool:
        try:
            return httpx.get(f"{url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(is_ready)
        yield url
    finally:
        process.kill()
        process.wait()


def query(prometheus: str, text: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": text}).json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


async def test_the_adapter_counts_the_connections_of_each_pod(
    servers: list[ChatServer], prometheus: str
) -> None:
    file = KUBERNETES / "components/monitoring/prometheus-adapter.yaml"
    [rule] = yaml.safe_load(file.read_text())["rules"]["custom"]
    # As the adapter fills them in, for the Pods of the namespace chatserver.
    pods = {
        "<<.Series>>": "websocket_connections_active",
        "<<.LabelMatchers>>": 'namespace="chatserver",pod=~"first|second"',
        "<<.GroupBy>>": "pod",
    }
    text = rule["metricsQuery"]
    for placeholder, value in pods.items():
        assert placeholder in text
        text = text.replace(placeholder, value)

    token = servers[0].register("ada")
    url = servers[0].url.replace("http", "ws") + "/ws"
    headers = {"Authorization": f"Bearer {token}"}
    lines = [
        await websocket_connect(HTTPRequest(url, headers=headers), subprotocols=["chat.v1"])
        for _ in range(3)
    ]

    def counted() -> dict[str, str]:
        return {each["metric"]["pod"]: each["value"][1] for each in query(prometheus, text)}

    try:
        await until(lambda: counted() == {"first": "3", "second": "0"})
        # The third is scraped in its own time, and is another namespace's.
        await until(lambda: len(query(prometheus, rule["seriesQuery"])) == 3)
        assert counted() == {"first": "3", "second": "0"}
    finally:
        for line in lines:
            line.close()
    await until(lambda: counted() == {"first": "0", "second": "0"})
