"""The manifests of the overlay `single`, run by `podman kube play`: the server, its database, and the jobs."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import tools
from tests.operation import images, manifests
from tests.operation.kube_play import Cluster, for_podman
from tests.operation.manifests import KUBERNETES, Document
from tests.servers import mongod_program
from tests.waiting import wait_until

HOST = "chat.example.org"  # of the Ingress
PASSWORD = "correct horse"
MONGOD = "localhost/mongod:test"
APP, DATABASE, MIGRATE = (
    "chatserver-pod-chatserver",
    "mongodb-pod-mongodb",
    "chatserver-migrate-pod-migrate",
)
START_SECONDS = 180


@pytest.fixture(scope="module")
def mongod_image(engine: images.Engine, base_image: str) -> str:
    """An image with mongod on the PATH, where the manifest expects it."""
    engine.add_programs(MONGOD, {"/usr/bin/mongod": mongod_program()})
    return MONGOD


@pytest.fixture(scope="module")
def built() -> list[Document]:
    return manifests.build(KUBERNETES / "overlays/single")


@pytest.fixture(scope="module")
def local(server_image: str, mongod_image: str) -> dict[str, str]:
    """The images to take, as no registry is asked."""
    return {"registry.example.org/chatserver": server_image, "mongo": mongod_image}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all volumes."""
    return tmp_path_factory.mktemp("volumes")


@pytest.fixture(scope="module")
def played(
    built: list[Document],
    local: dict[str, str],
    volumes: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Document]:
    """What podman plays: the overlay, and the secrets that `make-secrets` writes."""
    folder = tmp_path_factory.mktemp("secrets") / "made"
    tools.need_tool("openssl")
    subprocess.run([str(KUBERNETES / "make-secrets"), str(folder)], check=True, capture_output=True)
    secrets = [manifests.secret(each) for each in sorted(folder.iterdir())]
    return for_podman([*secrets, *built], local, volumes)


@pytest.fixture(scope="module")
def cluster(engine: images.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    tools.need_tool("catatonit")  # podman makes the first container of each Pod of it
    with Cluster(engine, tmp_path_factory.mktemp("cluster"), ["mongodb-0.mongodb"]) as cluster:
        yield cluster


class Person:
    """A client of the server, who comes by the name of the Ingress."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._headers = {"Host": HOST}

    def ask(self, method: str, path: str, port: int = 4000, **body: object) -> httpx.Response:
        with self._cluster.inside():
            url = f"http://127.0.0.1:{port}{path}"
            return httpx.request(method, url, json=body or None, headers=self._headers, timeout=30)

    def is_served(self) -> bool:
        try:
            return self.ask("GET", "/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def sign_in(self, username: str, password: str) -> None:
        answer = self.ask("POST", "/api/v1/login", username=username, password=password)
        assert answer.status_code == 200, answer.text
        self._headers["Authorization"] = f"Bearer {answer.json()['token']}"

    def messages(self, room: str) -> list[str]:
        answer = self.ask("GET", f"/api/v1/rooms/{room}/events?after=0")
        assert answer.status_code == 200, answer.text
        events: list[dict[str, Any]] = answer.json()["events"]
        return [event["body"] for event in events if event["ev"] == "message.posted"]


def add_owner(cluster: Cluster, name: str, password: str) -> dict[str, Any]:
    """As docs/kubernetes.md says, with `kubectl exec`."""
    command = (
        f"echo '{password}' | chatserver user add {name} --password-file - --json -c production"
    )
    made: dict[str, Any] = json.loads(cluster.execute(APP, "sh", "-c", command))
    return made


class Installation:
    """The Pods of the overlay, a person who is signed in, and a room with messages."""

    texts = ("text 0", "text 1", "text 2")

    def __init__(self, cluster: Cluster, played: list[Document]) -> None:
        self._cluster, self._played = cluster, played
        self.person = Person(cluster)
        self._file: Path | None = None
        self.room = ""

    def start(self) -> None:
        """Returns when the server is ready and the migration is done."""
        self._file = self._cluster.play("single", self._played)
        wait_until(self.person.is_served, START_SECONDS)
        wait_until(lambda: self._cluster.status(MIGRATE) == "exited 0", START_SECONDS)

    def end(self) -> None:
        """Remove all Pods; volumes stay."""
        assert self._file is not None
        self._cluster.down(self._file)
        assert not self.person.is_served()

    def write(self) -> None:
        self.room = self.person.ask("POST", "/api/v1/rooms", name="news", kind="public").json()[
            "id"
        ]
        for number, text in enumerate(self.texts):
            path = f"/api/v1/rooms/{self.room}/messages"
            answer = self.person.ask("POST", path, client_id=f"m{number}", body=text)
            assert answer.is_success, answer.text

    def has_all(self) -> bool:
        return self.person.messages(self.room) == list(self.texts)


@pytest.fixture(scope="module")
def installation(cluster: Cluster, played: list[Document]) -> Installation:
    """From nothing, by the steps of docs/kubernetes.md."""
    made = Installation(cluster, played)
    made.start()
    assert "done: mongo: " in cluster.logs(MIGRATE), "the Job migrates, not the server"
    # As with `kubectl exec`.
    add = f"echo '{PASSWORD}' | chatserver user add ada --password-file - --json -c production"
    assert json.loads(cluster.execute(APP, "sh", "-c", add))["role"] == "owner"
    made.person.sign_in("ada", PASSWORD)
    made.write()
    assert made.has_all()
    return made


def test_data_outlives_each_pod(cluster: Cluster, installation: Installation) -> None:
    # The server restarts: SIGTERM, as in Kubernetes; then the database.
    for pod in ("chatserver-pod", "mongodb-pod"):
        cluster.podman("pod", "restart", pod)
        wait_until(installation.person.is_served, START_SECONDS)
        assert installation.has_all()

    # All Pods end, and are made again on the volumes.
    installation.end()
    installation.start()
    assert installation.has_all()
    assert "The schema is up to date." in cluster.logs(MIGRATE)

    # The audit log is on its volume, with the lines of the Pod before.
    written = cluster.execute(APP, "sh", "-c", "cat /var/log/chatserver/*/audit.log")
    kinds = [json.loads(line)["kind"] for line in written.splitlines()]
    assert {"account.added", "login", "room.changed"} <= set(kinds)


def test_metrics_are_at_the_internal_port_alone(installation: Installation) -> None:
    shown = installation.person.ask("GET", "/metrics", 9464).text
    assert "websocket_connections_active" in shown
    assert "chatserver_backup_age_seconds" in shown


def test_each_container_is_confined_as_the_manifests_say(
    cluster: Cluster, installation: Installation
) -> None:
    for container, user in ((APP, 10001), (DATABASE, 10002)):
        assert cluster.execute(container, "id", "-u").strip() == str(user)
        for path in ("/etc/changed", "/usr/bin/changed"):
            assert cluster.podman("exec", container, "touch", path, check=False).returncode != 0
        status = cluster.execute(container, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status


def test_a_backup_is_restored_into_a_new_database(
    cluster: Cluster,
    installation: Installation,
    built: list[Document],
    played: list[Document],
    local: dict[str, str],
    volumes: Path,
    tmp_path: Path,
) -> None:
    # As `kubectl create job --from=cronjob/chatserver-backup first` does.
    [cron] = manifests.of_kind(built, "CronJob")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "first"},
        "spec": cron["spec"]["jobTemplate"]["spec"],
    }
    settings = manifests.of_kind(built, "ConfigMap")
    file = cluster.play("backup", for_podman([*settings, job], local, volumes))
    wait_until(lambda: cluster.status("first-pod-verify").startswith("exited"), START_SECONDS)
    assert cluster.status("first-pod-verify") == "exited 0", cluster.logs("first-pod-verify")
    cluster.down(file)

    # The database is lost.
    installation.end()
    lost = volumes / "claims/data-mongodb-0"
    for path in lost.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    # The overlay with one line more: the Job restores.
    folder = manifests.copy(tmp_path)
    overlay = folder / "overlays/single/kustomization.yaml"
    line = "  - ../../components/mongodb\n"
    assert line in overlay.read_text()
    overlay.write_text(overlay.read_text().replace(line, f"{line}  - ../../components/restore\n"))
    secrets = manifests.of_kind(played, "Secret")
    restoring = for_podman([*secrets, *manifests.build(overlay.parent)], local, volumes)
    assert "Deployment/chatserver" not in [each.name for each in manifests.workloads(restoring)]
    file = cluster.play("restore", restoring)
    wait_until(lambda: cluster.status(MIGRATE).startswith("exited"), START_SECONDS)
    assert cluster.status(MIGRATE) == "exited 0", cluster.logs(MIGRATE)
    cluster.down(file)

    installation.start()
    installation.person.sign_in("ada", PASSWORD)  # sessions are not in a backup
    assert installation.has_all()
