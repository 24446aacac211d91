"""A rolling update as Kubernetes does it, over real servers behind a real proxy, with people who write.

The controller and the kubelet are ours (tests/operation/pods.py); every number is read from the built manifests.
"""

import asyncio
import copy
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults import checker
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE
from tests.faults.server import CHEAP_ACCOUNTS, ChatServer
from tests.operation import manifests
from tests.operation.haproxy import HAProxy
from tests.operation.manifests import KUBERNETES, Document, named, of_kind
from tests.operation.pods import Deployment, Endpoints, Plan
from tests.servers import Mongod

LATE_SECONDS = 4.0  # until a proxy has heard that a Pod is gone; a busy cluster takes one to three
CLIENTS, RATE = 40, 100
READERS = 4


@pytest.fixture(scope="module")
def replicated() -> list[Document]:
    return manifests.build(KUBERNETES / "overlays/replicated")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("database"))
    mongod.start()
    yield mongod
    mongod.kill()


class Entrance(ChatServer):
    """The proxy, as the clients know the server."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url


class Reader:
    """Somebody who asks for a page all the time, over HTTP. An answer other than 200 is seen."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self.asked = 0
        self.complaints: list[str] = []

    async def read(self) -> None:
        async with httpx.AsyncClient(headers=self._headers, timeout=30) as client:
            while True:
                try:
                    answer = await client.get(f"{self._url}/api/v1/me")
                    if answer.status_code != 200:
                        self.complaints.append(f"{answer.status_code} {answer.text[:80]}")
                except httpx.TransportError as error:
                    self.complaints.append(repr(error))
                self.asked += 1
                await asyncio.sleep(0.03)


class Seen:
    """What people and the controller saw of an update."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.complaints: list[str] = []
        self.acknowledged = 0
        self.read = 0
        self.ended: dict[str, int | None] = {}
        self.killed: list[str] = []


@asynccontextmanager
async def deployed(
    documents: list[Document], folder: Path, database: Mongod
) -> AsyncIterator[tuple[Deployment, HAProxy]]:
    plan = Plan(documents)
    overrides: dict[str, object] = {
        **CHEAP_ACCOUNTS,
        "server.registration": "open",
        "plugin.mongo.uri": database.uri,
        "plugin.mongo_bus.uri": database.uri,
        "plugin.gridfs.uri": database.uri,
        "plugin.mongo.database": folder.name[-50:],
        "plugin.mongo_bus.database": folder.name[-50:],
        "plugin.gridfs.database": folder.name[-50:],
        "backup.folder": folder / "backups",
    }
    async with HAProxy(folder) as proxy:
        deployment = Deployment(plan, folder, overrides, Endpoints(proxy, LATE_SECONDS))
        # The Job: the servers refuse to start before it.
        job = deployment.make()
        deployment.pods.remove(job)
        await asyncio.to_thread(
            subprocess.run, job.command("migrate"), check=True, capture_output=True
        )
        try:
            await deployment.scale(plan.replicas)
            yield deployment, proxy
        finally:
            await deployment.remove()


async def update(documents: list[Document], folder: Path, database: Mongod) -> Seen:
    """Update all Pods while people write and read."""
    seen = Seen()
    scale = SCALE._replace(clients=CLIENTS, rooms=8, rate=RATE)
    async with (
        deployed(documents, folder, database) as (deployment, proxy),
        Fleet(Entrance(proxy.url), scale, seed=1) as fleet,
    ):
        readers = [Reader(proxy.url, fleet.clients[number].token) for number in range(READERS)]
        reading = [asyncio.create_task(reader.read()) for reader in readers]
        try:
            async with fleet.traffic():
                await asyncio.sleep(1)
                await deployment.update()
                await asyncio.sleep(1)
            await fleet.settled(120)
        finally:
            for task in reading:
                task.cancel()
        logs = await fleet.logs()
        await fleet.stop()
        seen.findings = checker.check(fleet.history.operations, logs, fleet.heard())
        seen.complaints = [
            *(told for client in fleet.clients for told in client.complaints),
            *(told for reader in readers for told in reader.complaints),
        ]
        seen.acknowledged = len(fleet.history.acknowledged())
        seen.read = sum(reader.asked for reader in readers)
        seen.ended = {pod.name: pod.status for pod in deployment.ended}
        pods = [*deployment.pods, *deployment.ended]
        seen.killed = [pod.name for pod in pods if pod.was_killed]
    return seen


async def test_people_do_not_notice_an_update(
    replicated: list[Document], tmp_path: Path, database: Mongod
) -> None:
    seen = await update(replicated, tmp_path, database)
    assert seen.findings == [], "nothing is lost, doubled or out of order"
    assert seen.complaints == []
    assert seen.killed == []
    assert list(seen.ended.values()) == [0] * Plan(replicated).replicas
    assert seen.acknowledged > 1000 and seen.read > 1000


# -- mutants: what is wrong in a manifest is seen -----------------------------------------------------


@pytest.fixture
def small(replicated: list[Document]) -> list[Document]:
    """The same with one Pod, a short drain and no delay, as it is run several times."""
    documents = copy.deepcopy(replicated)
    named(documents, "Deployment", "chatserver")["spec"]["minReadySeconds"] = 0
    of_kind(documents, "HorizontalPodAutoscaler")[0]["spec"]["minReplicas"] = 1
    for config in of_kind(documents, "ConfigMap"):
        if "production.toml" in config["data"]:
            text = config["data"]["production.toml"]
            assert "drain_seconds = 15.0" in text
            config["data"]["production.toml"] = text.replace(
                "drain_seconds = 15.0", "drain_seconds = 3.0"
            )
    return documents


def pod_spec(documents: list[Document]) -> Document:
    spec: Document = named(documents, "Deployment", "chatserver")["spec"]["template"]["spec"]
    return spec


async def test_without_the_pause_people_are_refused(
    small: list[Document], tmp_path: Path, database: Mongod
) -> None:
    """Proxies still send them to a Pod that drains."""
    pod_spec(small)["containers"][0].pop("lifecycle")
    seen = await update(small, tmp_path, database)
    assert seen.complaints
    assert seen.findings == [], "nothing that was acknowledged is lost, even so"


async def test_with_too_short_a_grace_the_server_is_killed(
    small: list[Document], tmp_path: Path, database: Mongod
) -> None:
    pod_spec(small)["terminationGracePeriodSeconds"] = 11
    seen = await update(small, tmp_path, database)
    assert seen.killed == ["pod-2"]
    assert seen.findings == []


@pytest.mark.parametrize("probe", ["readinessProbe", "startupProbe"])
async def test_with_a_wrong_probe_no_pod_is_taken_in(
    probe: str, small: list[Document], tmp_path: Path, database: Mongod
) -> None:
    pod_spec(small)["containers"][0][probe]["httpGet"]["path"] = "/healthz"
    named(small, "Deployment", "chatserver")["spec"]["progressDeadlineSeconds"] = 8
    with pytest.raises(TimeoutError):
        async with deployed(small, tmp_path, database):
            pass
