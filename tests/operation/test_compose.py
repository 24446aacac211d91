"""The compose file, brought up by podman-compose.

Its images cannot be fetched here, so they are replaced by others with the same programs, from Debian's packages and from
wheels. Grafana cannot be had at all, and Debian's exporter of MongoDB cannot speak to a MongoDB of this decade: these two
are left out. Everything else is the file as it is.
"""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import pymongo
import pytest
import yaml
from pymongo.errors import OperationFailure

from tests import servers, tools
from tests.operation import images
from tests.operation.conversation import Conversation, Running
from tests.operation.images import Engine
from tests.waiting import wait_until

DEPLOY = tools.ROOT / "deploy"
UP_SECONDS = 300
NOBODY = 65534
NODES = ("app1", "app2", "app3")
WATCHING = ("prometheus", "alertmanager", "node-exporter")

SHOW_AUDIT_LOG = """
from pathlib import Path
[log] = Path("/var/lib/chatserver").rglob("audit.log")
print(log.read_text())
"""

# For each service: the image that replaces its own, and what differs because of it.
REPLACED: dict[str, dict[str, Any]] = {
    **{name: {"image": "localhost/mongo:test"} for name in ("mongo1", "mongo2", "mongo3")},
    "nats": {"image": "localhost/nats:test"},
    "balancer": {"image": "localhost/haproxy:test"},
    "prometheus": {"image": "localhost/prometheus:test", "entrypoint": ["prometheus"]},
    "alertmanager": {
        "image": "localhost/prometheus:test",
        "entrypoint": ["prometheus-alertmanager"],
    },
    "node-exporter": {
        "image": "localhost/prometheus:test",
        "entrypoint": ["prometheus-node-exporter"],
    },
}


class Project:
    """The compose file in a folder of its own, with secrets, ports, networks and volumes of its own."""

    def __init__(self, engine: Engine, folder: Path, *profiles: str) -> None:
        self.engine = engine
        self.name = images.unique("chat")
        self.folder = folder / "deploy/compose"
        shutil.copytree(DEPLOY / "compose", self.folder, ignore=shutil.ignore_patterns("secrets"))
        shutil.copytree(DEPLOY / "observe", folder / "deploy/observe")
        (self.folder / "server.env").write_text("CHATSERVER_SERVER__REGISTRATION=open\n")
        (self.folder / "override.yaml").write_text(yaml.safe_dump({"services": REPLACED}))
        subprocess.run([self.folder / "make-secrets"], check=True, capture_output=True)
        self.ports = {
            name: servers.free_port()
            for name in (
                "CHATSERVER_PORT",
                "CHATSERVER_INTERNAL_PORT",
                "PROMETHEUS_PORT",
                "ALERTMANAGER_PORT",
            )
        }
        network = f"10.{SystemRandom().randrange(100, 250)}.{SystemRandom().randrange(256)}"
        self._environment = engine.environment | {
            **{name: str(port) for name, port in self.ports.items()},
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_PROFILES": ",".join(profiles),
            "CHATSERVER_IMAGE": images.SERVER,
            "CHATSERVER_FILES": "16384",
            "FRONT_SUBNET": f"{network}.0/25",
            "FRONT_GATEWAY": f"{network}.1",
            "BALANCED_SUBNET": f"{network}.128/25",
            "PROXY_ADDRESS": f"{network}.130",
        }

    def compose(self, *arguments: str) -> str:
        """Run podman-compose; its output."""
        command = [tools.need_tool("podman-compose"), "-f", "compose.yaml", "-f", "override.yaml"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env=self._environment,
            timeout=UP_SECONDS,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *services: str) -> None:
        """Start services, or all of the profiles, and return when each that has a health check is healthy."""
        with self._health_checks():
            self.compose("up", "--detach", *services)
            for container in self.containers():
                if container.has_health_check():
                    images.wait_until_healthy(container)

    def containers(self) -> list[images.Container]:
        """Those that run."""
        label = f"label=io.podman.compose.project={self.name}"
        shown = self.engine.podman("ps", "--filter", label, "--format", "{{.Names}}")
        return [images.Container(self.engine, name) for name in shown.stdout.split()]

    def container(self, service: str) -> images.Container:
        return images.Container(self.engine, f"{self.name}_{service}_1")

    def address(self, service: str, network: str) -> str:
        """Where a service can be reached from this machine."""
        shown = self.engine.podman("inspect", f"{self.name}_{service}_1")
        [state] = json.loads(shown.stdout)
        found: str = state["NetworkSettings"]["Networks"][f"{self.name}_{network}"]["IPAddress"]
        return found

    def volumes(self) -> set[str]:
        """Names of its volumes, as the file has them."""
        shown = self.engine.podman("volume", "ls", "--format", "{{.Name}}").stdout.split()
        return {name.removeprefix(f"{self.name}_") for name in shown if name.startswith(self.name)}

    def reaches(self, service: str, host: str, port: int) -> bool:
        """Whether a service can connect to a port. (Each of its images has bash.)"""
        command = ("timeout", "5", "bash", "-c", f"</dev/tcp/{host}/{port}")
        return self.container(service).execute(*command, check=False).returncode == 0

    @contextlib.contextmanager
    def _health_checks(self) -> Iterator[None]:
        """Run the health checks again and again, which podman itself does where there is a systemd."""
        ended = threading.Event()

        def check() -> None:
            while not ended.wait(0.5):
                for container in self.containers():
                    container.is_healthy()

        thread = threading.Thread(target=check)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def remove(self) -> None:
        for container in self.containers():
            self.engine.podman("rm", "--force", "--time", "0", container.name, check=False)
        self.compose("down", "--volumes")


@pytest.fixture(scope="module")
def programs(engine: Engine, server_image: str) -> None:
    """The images that replace those of the file."""
    need, wget = tools.need_tool, {"/usr/bin/wget": tools.need_tool("wget")}
    mongod = {"/usr/bin/mongod": servers.mongod_program()}
    engine.add_programs("localhost/mongo:test", mongod, folders={"/data/db": 999})
    nats = {"/usr/bin/nats-server": need("nats-server")}
    engine.add_programs("localhost/nats:test", nats | wget)
    engine.add_programs("localhost/haproxy:test", {"/usr/sbin/haproxy": need("haproxy")} | wget)
    watching = (
        "prometheus",
        "prometheus-alertmanager",
        "prometheus-node-exporter",
        "prometheus-mongodb-exporter",
    )
    found = {f"/usr/bin/{name}": need(name) for name in watching}
    # Debian's Alertmanager has them apart from the program.
    templates = Path("/usr/share/prometheus/alertmanager").glob("*.tmpl")
    found |= {str(path): str(path) for path in templates}
    folders = {"/prometheus": NOBODY, "/alertmanager": NOBODY}
    engine.add_programs("localhost/prometheus:test", found | wget, folders=folders)


@pytest.fixture(scope="module")
def app(
    engine: Engine, programs: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The profiles `app` and `observe`, which run."""
    project = Project(engine, tmp_path_factory.mktemp("app"), "app", "observe")
    try:
        project.up("app", *WATCHING)
        yield project
    finally:
        project.remove()


@pytest.fixture(scope="module")
def scale(
    engine: Engine, programs: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The profile `scale`, which runs."""
    project = Project(engine, tmp_path_factory.mktemp("scale"), "scale")
    try:
        project.up()
        yield project
    finally:
        project.remove()


def front(project: Project) -> str:
    return f"http://127.0.0.1:{project.ports['CHATSERVER_PORT']}"


async def until_findings_are_none(people: Conversation) -> None:
    await people.settle()
    assert people.findings() == []


async def test_people_talk_through_app_and_find_it_all_after_a_restart(app: Project) -> None:
    async with Conversation([front(app)] * 2) as people:
        people.speak(10)
        await until_findings_are_none(people)
        before = people.events()
        await asyncio.to_thread(app.compose, "stop")
        await asyncio.to_thread(app.compose, "down")
        assert app.containers() == []
        assert {"app", "mongo1", "prometheus", "alertmanager"} <= app.volumes()
        await asyncio.to_thread(app.up, "app", *WATCHING)
        people.speak(1)
        await until_findings_are_none(people)
        assert people.events()[: len(before)] == before


def test_the_server_believes_what_the_proxy_on_the_host_says_of_the_client(app: Project) -> None:
    answer = httpx.post(
        f"{front(app)}/api/v1/login",
        json={"username": "nobody-at-all", "password": "wrong wrong wrong"},
        headers={"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"},
    )
    assert answer.status_code == 401

    def addresses() -> list[str]:
        log = app.container("app").execute("python", "-c", SHOW_AUDIT_LOG).stdout
        entries = [json.loads(line) for line in log.splitlines() if line]
        return [entry["address"] for entry in entries if entry["kind"] == "login"]

    wait_until(addresses)  # it is written after a moment
    assert addresses() == ["203.0.113.7"]


def test_metrics_are_for_the_host_alone(app: Project) -> None:
    inside = f"http://127.0.0.1:{app.ports['CHATSERVER_INTERNAL_PORT']}/metrics"
    assert "chatserver_" in httpx.get(inside).text
    headers = {"X-Forwarded-For": "203.0.113.7"}
    assert httpx.get(f"{front(app)}/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("service", "host", "port", "may"),
    [
        ("app", "mongo1", 27017, True),
        ("prometheus", "app", 9464, True),
        ("prometheus", "alertmanager", 9093, True),
        ("prometheus", "mongo1", 27017, False),
        ("alertmanager", "mongo1", 27017, False),
        ("mongo1", "prometheus", 9090, False),
        ("mongo1", "alertmanager", 9093, False),
    ],
)
def test_only_parts_that_may_meet_do(
    app: Project, service: str, host: str, port: int, may: bool
) -> None:
    assert app.reaches(service, host, port) is may


def test_the_database_reaches_nothing_outside(app: Project) -> None:
    gateway = app.container("mongo1").execute("cat", "/proc/net/route").stdout
    assert not [line for line in gateway.splitlines()[1:] if line.split()[1] == "00000000"]


def test_the_database_refuses_strangers(app: Project) -> None:
    client = pymongo.MongoClient(app.address("mongo1", "store"), directConnection=True)
    with client, pytest.raises(OperationFailure, match="requires authentication"):
        client["chatserver"].list_collection_names()


def test_prometheus_scrapes_every_part_and_alerts_reach_alertmanager(app: Project) -> None:
    prometheus = f"http://127.0.0.1:{app.ports['PROMETHEUS_PORT']}/api/v1"
    alertmanager = f"http://127.0.0.1:{app.ports['ALERTMANAGER_PORT']}/api/v2"

    def jobs() -> dict[str, str]:
        found = httpx.get(f"{prometheus}/query", params={"query": "up"}).json()["data"]["result"]
        return {each["metric"]["job"]: each["value"][1] for each in found}

    running = {"chatserver", "node", "prometheus", "alertmanager"}
    wait_until(lambda: {job for job, is_up in jobs().items() if is_up == "1"} == running)
    groups = httpx.get(f"{prometheus}/rules").json()["data"]["groups"]
    files = {path.name for path in (DEPLOY / "observe/rules").glob("*.yml")}
    assert {Path(group["file"]).name for group in groups} == files
    assert all(rule["health"] != "err" for group in groups for rule in group["rules"])

    def alerts() -> set[str]:
        return {each["labels"]["alertname"] for each in httpx.get(f"{alertmanager}/alerts").json()}

    wait_until(lambda: "Watchdog" in alerts(), seconds=180)


async def test_messages_flow_between_nodes_and_killed_ones_lose_nothing(scale: Project) -> None:
    nodes = [f"http://{scale.address(name, 'outside')}:4000" for name in NODES]
    async with Conversation([*nodes, front(scale)]) as people:
        people.speak(10)
        await until_findings_are_none(people)
        for killed in ("app2", "mongo1"):
            people.speak(10)
            scale.container(killed).kill()
            people.speak(10)
            await until_findings_are_none(people)
        assert len(people.events()) >= 4 * 50
        before = people.events()
        # Everything at once, as when the machine is restarted.
        await asyncio.to_thread(scale.compose, "down")
        assert {"app1", "app2", "app3", "backups", "mongo1", "mongo2", "mongo3"} <= scale.volumes()
        await asyncio.to_thread(scale.up)
    async with Conversation([front(scale)], prefix="later") as later:
        found = Running(front(scale)).log(people.room, people.tokens[0])
        assert found[: len(before)] == before
        later.speak(1)
        await until_findings_are_none(later)


def test_the_bus_carries_events_between_the_nodes(scale: Project) -> None:
    for name in NODES:
        metrics = httpx.get(f"http://{scale.address(name, 'watched')}:9464/metrics").text
        assert re.search(r"^chatserver_bus_connected(\{.*\})? 1", metrics, re.M)
    for service, host, port, may in [
        ("app1", "nats", 4222, True),
        ("app1", "mongo3", 27017, True),
        ("balancer", "app3", 4000, True),
        ("balancer", "mongo1", 27017, False),
        ("balancer", "nats", 4222, False),
        ("nats", "mongo1", 27017, False),
    ]:
        assert scale.reaches(service, host, port) is may, (service, host)


def test_all_members_of_the_replica_set_hold_the_data(scale: Project) -> None:
    password = (scale.folder / "secrets/mongo_root_password").read_text()
    states = set()
    for name in ("mongo1", "mongo2", "mongo3"):
        address = scale.address(name, "store")
        with pymongo.MongoClient(
            address, directConnection=True, username="root", password=password
        ) as client:
            status = client.admin.command("replSetGetStatus")
            states.add(tuple(sorted(member["stateStr"] for member in status["members"])))
    assert states == {("PRIMARY", "SECONDARY", "SECONDARY")}
