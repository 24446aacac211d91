"""The manifests of deploy/kubernetes: kustomize builds them, and schemas, checkov and rules of our own accept them."""

import copy
import json
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from chatserver.config import load
from tests import tools
from tests.operation import manifests
from tests.operation.kubernetes_rules import SECRETS, problems, settings
from tests.operation.manifests import KUBERNETES, OVERLAYS, Document, named, of_kind, workloads

# 1.30 is the first that knows the pause before the end (lifecycle.preStop.sleep).
VERSIONS = sorted(
    {
        kubernetes_validate.utils.major_minor(each)
        for each in kubernetes_validate.utils.all_versions()
        if int(each.split(".")[1]) >= 30
    }
)
CUSTOM = (
    "ServiceMonitor",
    "PrometheusRule",
)  # kinds of the Prometheus operator, which no schema has


@pytest.fixture(scope="module", params=OVERLAYS)
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return manifests.build(KUBERNETES / "overlays" / request.param)


@pytest.fixture(scope="module")
def replicated() -> list[Document]:
    return manifests.build(KUBERNETES / "overlays/replicated")


def test_schemas_of_many_versions_are_at_hand() -> None:
    assert len(VERSIONS) >= 5 and "1.30" in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_fit_the_schemas(documents: list[Document], version: str) -> None:
    for document in documents:
        if document["kind"] not in CUSTOM:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of its own, about how it finds its schemas
                kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_checkov_finds_nothing(overlay: str, tmp_path: Path) -> None:
    file = tmp_path / "built.yaml"
    documents = manifests.build(KUBERNETES / "overlays" / overlay)
    file.write_text(yaml.safe_dump_all(documents))
    found = checkov(file)
    assert found["failed"] == 0, found
    assert found["passed"] > 200, "it has looked"


def test_checkov_looks_at_what_it_is_given(replicated: list[Document], tmp_path: Path) -> None:
    changed = copy.deepcopy(replicated)
    [app] = [each for each in workloads(changed) if each.name == "Deployment/chatserver"]
    app.spec["containers"][0]["securityContext"]["privileged"] = True
    (tmp_path / "built.yaml").write_text(yaml.safe_dump_all(changed))
    assert checkov(tmp_path / "built.yaml")["failed"] >= 1


def checkov(file: Path) -> dict[str, Any]:
    config = KUBERNETES / "checkov.yaml"
    command = [tools.need_tool("checkov"), "--config-file", str(config), "--output", "json"]
    done = subprocess.run(
        [*command, "--file", str(file)], capture_output=True, text=True, timeout=300
    )
    summary: dict[str, Any] = json.loads(done.stdout)["summary"]
    return summary


def test_each_check_that_is_left_out_has_a_reason() -> None:
    lines = (KUBERNETES / "checkov.yaml").read_text().splitlines()
    skipped = [number for number, line in enumerate(lines) if line.strip().startswith("- CKV")]
    assert skipped
    assert all(lines[number - 1].strip().startswith("#") for number in skipped)


def test_the_parts_fit_together(documents: list[Document]) -> None:
    assert problems(documents) == []


def test_single_can_be_watched_too(tmp_path: Path) -> None:
    """As its comment says: with one line more it has what the Prometheus operator needs."""
    folder = manifests.copy(tmp_path)
    overlay = folder / "overlays/single/kustomization.yaml"
    overlay.write_text(
        overlay.read_text().replace(
            "# - ../../components/monitoring", "- ../../components/monitoring"
        )
    )
    documents = manifests.build(overlay.parent)
    assert of_kind(documents, "ServiceMonitor")
    assert problems(documents) == []


def test_another_database_needs_one_line_less(tmp_path: Path) -> None:
    folder = manifests.copy(tmp_path)
    overlay = folder / "overlays/replicated/kustomization.yaml"
    text = overlay.read_text()
    for line in ("  - ../../components/mongodb\n", "  - path: three-members.yaml\n", "patches:\n"):
        assert line in text
        text = text.replace(line, "")
    overlay.write_text(text)
    documents = manifests.build(overlay.parent)
    assert not of_kind(documents, "StatefulSet")
    assert problems(documents) == []


def test_a_changed_setting_is_a_new_deployment(tmp_path: Path) -> None:
    """The name of the ConfigMap has a hash, so that Pods are replaced when their settings change."""
    folder = manifests.copy(tmp_path)
    before = manifests.build(folder / "overlays/single")
    toml = folder / "base/production.toml"
    toml.write_text(
        toml.read_text().replace("registrations_per_hour = 20", "registrations_per_hour = 30")
    )
    after = manifests.build(folder / "overlays/single")
    assert settings(after)["limits"]["registrations_per_hour"] == 30
    deployments = [named(each, "Deployment", "chatserver") for each in (before, after)]
    assert deployments[0] != deployments[1]


def test_the_server_accepts_the_settings_of_each_container(
    documents: list[Document], tmp_path: Path
) -> None:
    file = tmp_path / "production.toml"
    [config] = [
        each["data"]["production.toml"]
        for each in of_kind(documents, "ConfigMap")
        if "production.toml" in each["data"]
    ]
    file.write_text(config)
    seen = 0
    for workload in workloads(documents):
        for container in workload.containers:
            given = {}
            for variable in container.get("env", ()):
                if variable["name"].startswith("CHATSERVER_"):
                    value = variable["value"]
                    if variable["name"].endswith("_FILE"):
                        (tmp_path / variable["name"]).write_text("mongodb://db")
                        value = str(tmp_path / variable["name"])
                    given[variable["name"]] = value
            if given:
                loaded = load(str(file), environ=given).config  # an unknown one is refused
                assert loaded.plugin["mongo"]["uri"] == loaded.plugin["mongo_bus"]["uri"]
                seen += 1
    assert seen == 4, "the server, the migration, the backup and its verification"


def test_its_settings_are_those_of_production_but_for_some() -> None:
    """A newer `production` is not forgotten here."""
    here = load(str(KUBERNETES / "base/production.toml"), environ={}).config
    there = load("production", environ={}).config
    for section in ("limits", "delivery"):
        assert getattr(here, section) == getattr(there, section)
    for key in ("registration", "drain_seconds", "internal_port", "hsts_seconds", "roles"):
        assert getattr(here.server, key) == getattr(there.server, key), key
    assert here.backup.ship_seconds == there.backup.ship_seconds
    assert here.backup.keep_days == there.backup.keep_days
    shared = [name for name in there.plugins.enabled if name != "disk_blobs"]
    assert here.plugins.enabled == [*shared, "mongo_bus", "gridfs"]


@pytest.mark.parametrize("members", [0, 1, 3])
def test_make_secrets_writes_what_the_manifests_name(members: int, tmp_path: Path) -> None:
    tools.need_tool("openssl")
    folder = tmp_path / "made"
    command = [str(KUBERNETES / "make-secrets"), str(folder), str(members)]
    subprocess.run(command, check=True, capture_output=True)
    made = {each.name: {file.name for file in each.iterdir()} for each in folder.iterdir()}
    if members:
        assert made == SECRETS
        uri = (folder / "chatserver/mongo_uri").read_text()
        assert uri.count(".mongodb") == members
        assert (folder / "chatserver-mongodb/password").read_text().strip() in uri
    else:
        assert made == {"chatserver": {"backup_key"}}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [folder, *folder.rglob("*")])
    again = subprocess.run(command, capture_output=True)
    assert again.returncode == 1, "nothing is overwritten"


def test_the_replica_set_has_the_members_of_the_address(
    documents: list[Document], tmp_path: Path
) -> None:
    [database] = of_kind(documents, "StatefulSet")
    count, name = database["spec"]["replicas"], database["metadata"]["name"]
    expected = [f"{name}-{number}.{database['spec']['serviceName']}" for number in range(count)]
    [job] = [each for each in workloads(documents) if each.kind == "Job"]
    [first] = job.spec["initContainers"]
    [given] = [each["value"] for each in first["env"] if each["name"] == "MEMBERS"]
    assert given.split(",") == [f"{member}:27017" for member in expected]
    tools.need_tool("openssl")
    folder = tmp_path / "made"
    command = [str(KUBERNETES / "make-secrets"), str(folder), str(count)]
    subprocess.run(command, check=True, capture_output=True)
    hosts = (folder / "chatserver/mongo_uri").read_text().partition("@")[2].partition("/")[0]
    assert hosts.split(",") == expected


def test_the_adapter_makes_the_metric_of_the_autoscaler(replicated: list[Document]) -> None:
    values = yaml.safe_load(
        (KUBERNETES / "components/monitoring/prometheus-adapter.yaml").read_text()
    )
    made = {rule["name"]["as"] for rule in values["rules"]["custom"]}
    [scaler] = of_kind(replicated, "HorizontalPodAutoscaler")
    wanted = {
        metric["pods"]["metric"]["name"]
        for metric in scaler["spec"]["metrics"]
        if metric["type"] == "Pods"
    }
    assert wanted == made == {"websocket_connections_active"}
    target = next(each["pods"]["target"] for each in scaler["spec"]["metrics"] if "pods" in each)
    room = settings(replicated)["limits"]["connections"]
    least = scaler["spec"]["minReplicas"]
    assert int(target["averageValue"]) * least / (least - 1) < room, "one Pod may fail"


# -- mutants -----------------------------------------------------------------------------------------


def app(documents: list[Document]) -> Document:
    spec: Document = named(documents, "Deployment", "chatserver")["spec"]
    return spec


def pod(documents: list[Document]) -> Document:
    spec: Document = app(documents)["template"]["spec"]
    return spec


def container(documents: list[Document]) -> Document:
    found: Document = pod(documents)["containers"][0]
    return found


def config(documents: list[Document], old: str, new: str) -> None:
    for document in of_kind(documents, "ConfigMap"):
        for key, text in document["data"].items():
            if key == "production.toml":
                assert old in text
                document["data"][key] = text.replace(old, new)


def database(documents: list[Document]) -> Document:
    spec: Document = named(documents, "StatefulSet", "mongodb")["spec"]
    return spec


def without(documents: list[Document], kind: str, name: str) -> None:
    documents.remove(named(documents, kind, name))


MUTANTS: dict[str, Callable[[list[Document]], object]] = {
    "no liveness probe": lambda d: container(d).pop("livenessProbe"),
    "liveness asks the store": lambda d: container(d)["livenessProbe"]["httpGet"].update(
        path="/health/ready"
    ),
    "readiness asks only the process": lambda d: container(d)["readinessProbe"]["httpGet"].update(
        path="/health/live"
    ),
    "a probe of an unknown port": lambda d: container(d)["startupProbe"]["httpGet"].update(
        port="web"
    ),
    "no time to start": lambda d: container(d)["startupProbe"].update(failureThreshold=3),
    "an impatient readiness probe": lambda d: container(d)["readinessProbe"].update(
        timeoutSeconds=1
    ),
    "a probe of a job": lambda d: named(d, "Job", "chatserver-migrate")["spec"]["template"]["spec"][
        "containers"
    ][0].update(livenessProbe=container(d)["livenessProbe"]),
    "the drain begins at once": lambda d: container(d).pop("lifecycle"),
    "killed while it drains": lambda d: pod(d).update(terminationGracePeriodSeconds=30),
    "a drain longer than the grace": lambda d: config(
        d, "drain_seconds = 15.0", "drain_seconds = 30"
    ),
    "all at once": lambda d: app(d).update(strategy={"type": "Recreate"}),
    "too many at once": lambda d: app(d)["strategy"]["rollingUpdate"].update(maxUnavailable="50%"),
    "a budget of half": lambda d: named(d, "PodDisruptionBudget", "chatserver")["spec"].update(
        maxUnavailable="50%"
    ),
    "a budget of others": lambda d: named(d, "PodDisruptionBudget", "chatserver")["spec"].update(
        selector={"matchLabels": {"app.kubernetes.io/component": "web"}}
    ),
    "no budget for the database": lambda d: without(d, "PodDisruptionBudget", "mongodb"),
    "no claim": lambda d: without(d, "PersistentVolumeClaim", "chatserver-backups"),
    "a secret nobody makes": lambda d: pod(d)["volumes"][1]["secret"].update(secretName="other"),
    "a key no secret has": lambda d: container(d)["env"][1].update(
        value="/run/secrets/chatserver/uri"
    ),
    "no settings": lambda d: pod(d)["volumes"].pop(0),
    "a folder that is not mounted": lambda d: container(d)["volumeMounts"].pop(3),
    "no account": lambda d: without(d, "ServiceAccount", "chatserver"),
    "a service of other Pods": lambda d: named(d, "Service", "chatserver")["spec"][
        "selector"
    ].update({"app.kubernetes.io/component": "web"}),
    "a service of an unknown port": lambda d: named(d, "Service", "chatserver")["spec"]["ports"][
        0
    ].update(targetPort="web"),
    "labels of others": lambda d: app(d)["template"]["metadata"]["labels"].update(
        {"app.kubernetes.io/component": "web"}
    ),
    "spread by labels of others": lambda d: pod(d)["topologySpreadConstraints"][0].update(
        labelSelector={"matchLabels": {"app.kubernetes.io/component": "web"}}
    ),
    "members that do not meet": lambda d: named(d, "Service", "mongodb")["spec"].pop(
        "publishNotReadyAddresses"
    ),
    "an ingress to nowhere": lambda d: named(d, "Ingress", "chatserver")["spec"]["rules"][0][
        "http"
    ]["paths"][0]["backend"]["service"].update(name="web"),
    "a host that the server refuses": lambda d: config(d, "chat.example.org", "chat.example.net"),
    "a WebSocket cut after a minute": lambda d: named(d, "Ingress", "chatserver")["metadata"][
        "annotations"
    ].update({"nginx.ingress.kubernetes.io/proxy-read-timeout": "45"}),
    "an autoscaler of nothing": lambda d: named(d, "HorizontalPodAutoscaler", "chatserver")["spec"][
        "scaleTargetRef"
    ].update(name="web"),
    "a number that undoes the autoscaler": lambda d: app(d).update(replicas=3),
    "a hasty autoscaler": lambda d: named(d, "HorizontalPodAutoscaler", "chatserver")["spec"].pop(
        "behavior"
    ),
    "nothing to scrape": lambda d: of_kind(d, "ServiceMonitor")[0]["spec"]["endpoints"][0].update(
        port="metrics"
    ),
    "another port": lambda d: config(d, "internal_port = 9464", "internal_port = 9465"),
    "every Pod migrates": lambda d: config(d, '"by_command"', '"at_start"'),
    "logs in files": lambda d: config(d, 'folder = ""', 'folder = "logs"'),
    "backups in the Pod": lambda d: config(d, '"/backups"', '"/tmp"'),
    "an audit log in the Pod": lambda d: container(d)["env"].pop(),
    "no Pod security": lambda d: (
        named(d, "Namespace", "chatserver")["metadata"].pop("labels")
        and named(d, "Namespace", "chatserver")["metadata"].update(labels={})
    ),
    "root": lambda d: pod(d)["securityContext"].update(runAsUser=0),
    "a capability": lambda d: container(d)["securityContext"]["capabilities"].update(
        add=["NET_BIND_SERVICE"]
    ),
    "a root that can be written": lambda d: container(d)["securityContext"].pop(
        "readOnlyRootFilesystem"
    ),
    "a token": lambda d: pod(d).pop("automountServiceAccountToken"),
    "a folder of the node": lambda d: (
        pod(d)["volumes"][2].update({"emptyDir": None, "hostPath": {"path": "/"}})
        or pod(d)["volumes"][2].pop("emptyDir")
    ),
    "a secret in git": lambda d: d.append(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "chatserver", "namespace": "chatserver"},
            "stringData": {"mongo_uri": "mongodb://u:p@h"},
        }
    ),
    "a secret in a variable": lambda d: container(d)["env"].append(
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "chatserver", "key": "backup_key"}}}
    ),
    "no bound of memory": lambda d: container(d)["resources"]["limits"].pop("memory"),
    "the latest image": lambda d: container(d).update(
        image="registry.example.org/chatserver:latest"
    ),
    "a database by its tag": lambda d: database(d)["template"]["spec"]["containers"][0].update(
        image="mongo:8"
    ),
    "a database that nobody reaches": lambda d: without(d, "NetworkPolicy", "mongo"),
    "Pods that may speak with all": lambda d: without(d, "NetworkPolicy", "default-deny"),
    "a part that the policies do not know": lambda d: [
        each.labels.update({"app.kubernetes.io/component": "other"})
        for each in workloads(d)
        if each.kind == "CronJob"
    ],
    "a database without a liveness probe": lambda d: database(d)["template"]["spec"]["containers"][
        0
    ].pop("livenessProbe"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_found(name: str, replicated: list[Document]) -> None:
    mutant = copy.deepcopy(replicated)
    MUTANTS[name](mutant)
    assert mutant != replicated
    assert problems(mutant)
