"""The dashboards: every query of every panel has data in a real Prometheus that scrapes two nodes under load."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.members import Members
from tests.faults.nodes import nodes
from tests.faults.proxy import Network
from tests.faults.server import PLUGINS, ChatServer, http
from tests.operation.observing.programs import Prometheus
from tests.protocol.client import Client
from tests.tools import ROOT
from tests.waiting import wait_until

DASHBOARDS = ROOT / "deploy/observe/dashboards"
WINDOW = "30s"  # for Grafana's $__rate_interval; some scrapes long


def queries() -> dict[str, str]:
    """All queries, as Grafana would send them for all installations and nodes."""
    found = {}
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                text = target["expr"].replace("$__rate_interval", WINDOW)
                found[f"{path.stem}: {panel['title']}: {target['refId']}"] = text.replace(
                    "$job", "chatserver"
                ).replace("$instance", ".*")
    return found


def test_the_dashboards_are_those_of_the_panels() -> None:
    done = subprocess.run(
        [ROOT / ".tools/bin/python", DASHBOARDS / "generate", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_dashboard_can_be_pointed_at_any_prometheus() -> None:
    paths = sorted(DASHBOARDS.glob("*.json"))
    assert [path.stem for path in paths] == ["nodes", "overview", "plugins", "rooms", "store"]
    for path in paths:
        board = json.loads(path.read_text())
        assert [each["name"] for each in board["templating"]["list"]] == [
            "datasource",
            "job",
            "instance",
        ]
        for panel in board["panels"]:
            assert panel["datasource"]["uid"] == "$datasource", panel["title"]
    assert len(queries()) > 60


class Receiver(BaseHTTPRequestHandler):
    """Takes every webhook."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:
        pass


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def two_nodes(
    receiver: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ChatServer]]:
    """Two nodes on a replica set, with a bus, a consumer, backups and a plugin that fails."""
    folder = tmp_path_factory.mktemp("dashboards")
    (folder / "target").mkdir()
    with Network() as network:
        members = Members(folder / "members", network)
        try:
            members.start()
            with nodes(folder, 2, **settings(folder, members.uri, receiver)) as servers:
                yield servers
        finally:
            members.kill()


def settings(folder: Path, store: str, receiver: str) -> dict[str, Any]:
    return {
        "plugins__enabled": "mongo,mongo_bus,password,metrics,audit,graphql,webhooks,wordfilter,broken",
        "plugins__folder": PLUGINS,
        "plugin__broken__hook": "on_login",
        "plugin__broken__how": "raise",
        "plugin__mongo__uri": store,
        "plugin__mongo_bus__uri": store,
        "plugin__webhooks__outgoing__there__uri": receiver,
        "plugin__webhooks__outgoing__there__secret": "x" * 16,
        "plugin__webhooks__outgoing__there__allowed_networks": '["127.0.0.0/8"]',
        "backup__every_hours": 0.005,  # so that its time is measured while Prometheus looks
        "backup__ship_seconds": 1,
        "backup__folder": folder / "backups",
        "backup__targets": f"file://{folder}/target",
    }


@pytest.fixture(scope="module")
def prometheus(
    two_nodes: list[ChatServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    targets = [f"127.0.0.1:{server.port}" for server in two_nodes]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "chatserver", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with Prometheus(folder, folder / "prometheus.yml") as running:
        yield running


async def use(servers: list[ChatServer], stop: asyncio.Event) -> None:
    """What people and programs do, until `stop`: messages on both nodes, reads, wrong logins, GraphQL."""
    first, second = servers
    token = first.register("anna")
    room = first.room(token)
    async with Client(first.port, token) as one, Client(second.port, token) as other:
        await other.ok("sub", rooms={room: 0})
        number = 0
        while not stop.is_set():
            number += 1
            await one.ok("send", room=room, client_id=f"c{number}", body="hello")
            await asyncio.to_thread(ask, first, token, room)
            await asyncio.sleep(0.05)


def ask(server: ChatServer, token: str, room: str) -> None:
    server.get(f"/api/v1/rooms/{room}/messages?limit=3", token)
    http.post(server.url + "/api/v1/login", json={"username": "anna", "password": "wrong"})
    head = {"Authorization": f"Bearer {token}"}
    for query in ("{ me { id } }", "{ nothing }"):
        http.post(server.url + "/graphql", json={"query": query}, headers=head)


async def test_every_query_returns_data_under_load(
    two_nodes: list[ChatServer], prometheus: Prometheus
) -> None:
    stop = asyncio.Event()
    work = asyncio.create_task(use(two_nodes, stop))
    left = queries()

    def ask_all() -> bool:
        for name, text in list(left.items()):
            series = prometheus.query(text)
            values = [each["value"][1] for each in series]
            if values and any(value != "NaN" for value in values):
                del left[name]
        return not left

    try:
        await asyncio.to_thread(wait_until, ask_all, 150)
    except TimeoutError:
        pytest.fail(f"no data: {json.dumps(left, indent=1)}")
    finally:
        stop.set()
        await work
