"""What must hold for the manifests together, and no schema knows. Pure: a list of documents in, lines of text out."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from chatserver.app import CLOSE_SECONDS, STOP_SECONDS
from chatserver.config.enabled import after
from chatserver.config.sections import PluginsConfig
from tests.operation.manifests import Document, Workload, named, of_kind, workloads

# The secrets that deploy/kubernetes/make-secrets writes, and their keys. A test compares them with it.
SECRETS = {
    "chatserver": {"mongo_uri", "backup_key"},
    "chatserver-mongodb": {"keyfile", "password", "root_password"},
}
APP = "Deployment/chatserver"
LEAST_START_SECONDS = 60  # which a slow database and many plugins take
ENDPOINTS_SECONDS = 5  # within which proxies have heard that a Pod is gone

Rule = Callable[[Sequence[Document]], Iterator[str]]


def problems(documents: Sequence[Document]) -> list[str]:
    """A line for each thing that is wrong; none if all holds."""
    return [line for rule in RULES for line in rule(documents)]


def settings(documents: Sequence[Document]) -> Document:
    """The server's settings as its Pods get them."""
    [config] = [
        each
        for each in of_kind(documents, "ConfigMap")
        if each["metadata"]["name"].startswith("chatserver-settings")
    ]
    return tomllib.loads(config["data"]["production.toml"])


# -- probes ------------------------------------------------------------------------------------------


def probes(documents: Sequence[Document]) -> Iterator[str]:
    """All three on containers that last; none on jobs and on what runs before."""
    for workload in workloads(documents):
        for container in workload.containers:
            found = {name for name in PROBES if name in container}
            lasting = workload.is_lasting and container in workload.spec["containers"]
            if found != (PROBES if lasting else set()):
                yield f"{workload.name}: {container['name']} has the probes {sorted(found)}"
            for name in found:
                probe = container[name]
                ask = probe.get("httpGet") or probe.get("tcpSocket") or {}
                if ask.get("port") not in _ports(container):
                    yield f"{workload.name}: {name}: no port {ask.get('port')}"
        if workload.name == APP:
            yield from _app_probes(workload)


PROBES = {"startupProbe", "livenessProbe", "readinessProbe"}


def _app_probes(workload: Workload) -> Iterator[str]:
    [container] = workload.spec["containers"]
    paths = {name: container[name]["httpGet"]["path"] for name in PROBES if name in container}
    expected = {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",  # asks nobody else
        "readinessProbe": "/health/ready",
    }
    if paths != expected:
        yield f"{workload.name}: probes ask {paths}"
    startup = container.get("startupProbe", {})
    if startup.get("periodSeconds", 10) * startup.get("failureThreshold", 3) < LEAST_START_SECONDS:
        yield f"{workload.name}: killed before it can have started"
    readiness = container.get("readinessProbe", {})
    if readiness.get("timeoutSeconds", 1) <= 3:  # chatserver.web.health.CHECK_SECONDS
        yield f"{workload.name}: the readiness probe ends before the server's own check"


# -- starting and ending -----------------------------------------------------------------------------


def ends(documents: Sequence[Document]) -> Iterator[str]:
    """Proxies hear of the end first, the drain is as long as it may be, and nothing is killed."""
    workload = _app(documents)
    [container] = workload.spec["containers"]
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if pause < ENDPOINTS_SECONDS:
        yield f"{workload.name}: the drain begins before proxies can have heard of it"
    drain = settings(documents)["server"]["drain_seconds"]
    needed = pause + drain + STOP_SECONDS + CLOSE_SECONDS
    if workload.spec.get("terminationGracePeriodSeconds", 30) <= needed:
        yield f"{workload.name}: killed before {needed:.0f} s, which its end may take"


def updates(documents: Sequence[Document]) -> Iterator[str]:
    for document in of_kind(documents, "Deployment"):
        strategy = document["spec"].get("strategy", {})
        rolling = strategy.get("rollingUpdate", {})
        name = document["metadata"]["name"]
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            yield f"{name}: all Pods end at once"
        if rolling.get("maxUnavailable", "25%") not in (0, 1):
            yield f"{name}: an update may end several Pods at once"
        if rolling.get("maxSurge", "25%") != 1:
            yield f"{name}: an update starts several Pods at once"
    for budget in of_kind(documents, "PodDisruptionBudget"):
        spec = budget["spec"]
        if spec.get("maxUnavailable", 2) not in (0, 1):
            yield f"{budget['metadata']['name']}: may evict several Pods at once"
        if spec.get("maxUnavailable") == 0:
            yield f"{budget['metadata']['name']}: no node could be emptied"
    budgeted = [each["spec"]["selector"] for each in of_kind(documents, "PodDisruptionBudget")]
    for workload in workloads(documents):
        if workload.is_lasting and not any(_selects(each, workload.labels) for each in budgeted):
            yield f"{workload.name}: has no PodDisruptionBudget"


# -- references --------------------------------------------------------------------------------------


def volumes(documents: Sequence[Document]) -> Iterator[str]:
    """Each mount has its volume, each volume its source, and each source is there."""
    claims = {each["metadata"]["name"] for each in of_kind(documents, "PersistentVolumeClaim")}
    maps = {each["metadata"]["name"] for each in of_kind(documents, "ConfigMap")}
    for workload in workloads(documents):
        given = {each["name"]: each for each in workload.spec.get("volumes", ())}
        templates = workload.document["spec"].get("volumeClaimTemplates", ())
        given |= {each["metadata"]["name"]: each for each in templates}
        mounted = {
            mount["name"] for each in workload.containers for mount in each.get("volumeMounts", ())
        }
        for name in sorted(mounted ^ given.keys()):
            yield f"{workload.name}: volume {name} is only mounted, or only there"
        for volume in given.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in claims:
                yield f"{workload.name}: no claim {claim}"
            config = volume.get("configMap", {}).get("name")
            if config and config not in maps:
                yield f"{workload.name}: no ConfigMap {config}"
            if "secret" in volume:
                yield from _secret(workload, volume["secret"])


def _secret(workload: Workload, source: Document) -> Iterator[str]:
    keys = SECRETS.get(source["secretName"])
    if keys is None:
        yield f"{workload.name}: no secret {source['secretName']}"
    for item in source.get("items", ()):
        if item["key"] not in (keys or ()):
            yield f"{workload.name}: secret {source['secretName']} has no {item['key']}"


def variables(documents: Sequence[Document]) -> Iterator[str]:
    """Files that variables name are mounted, from secrets that have them; folders are mounted too."""
    for workload in workloads(documents):
        given = {each["name"]: each for each in workload.spec.get("volumes", ())}
        for container in workload.containers:
            mounts = {each["mountPath"]: each["name"] for each in container.get("volumeMounts", ())}
            for variable in container.get("env", ()):
                value = variable.get("value", "")
                if not value.startswith("/"):
                    continue
                place = _mount_of(value, mounts)
                if place is None:
                    yield f"{workload.name}: {variable['name']}: {value} is not mounted"
                elif variable["name"].endswith("_FILE"):
                    secret = given[mounts[place]].get("secret", {}).get("secretName", "")
                    if PurePosixPath(value).name not in SECRETS.get(secret, ()):
                        yield f"{workload.name}: {variable['name']}: no secret has {value}"


def _mount_of(path: str, mounts: Mapping[str, str]) -> str | None:
    found = [each for each in mounts if PurePosixPath(path).is_relative_to(each)]
    return max(found, key=len, default=None)


def references(documents: Sequence[Document]) -> Iterator[str]:
    """Names of accounts, services, ports and workloads, and labels that are selected."""
    made = [*workloads(documents)]
    accounts = {each["metadata"]["name"] for each in of_kind(documents, "ServiceAccount")}
    services = {each["metadata"]["name"]: each for each in of_kind(documents, "Service")}
    for workload in made:
        if workload.spec.get("serviceAccountName") not in accounts:
            yield f"{workload.name}: no ServiceAccount {workload.spec.get('serviceAccountName')}"
        own = workload.document["spec"].get("selector")
        if own is not None and not _selects(own, workload.labels):
            yield f"{workload.name}: does not select its own Pods"
        if workload.kind == "StatefulSet":
            service = services.get(workload.document["spec"]["serviceName"], {}).get("spec", {})
            if service.get("clusterIP") != "None" or not service.get("publishNotReadyAddresses"):
                yield f"{workload.name}: its members do not find each other"
        for selector in _placing(workload.spec):
            if not any(_selects(selector, each.labels) for each in made):
                yield f"{workload.name}: is placed by labels that no Pod has"
    for name, service in services.items():
        matching = [
            each for each in made if service["spec"]["selector"].items() <= each.labels.items()
        ]
        if len(matching) != 1 or not matching[0].is_lasting:
            yield f"Service {name}: selects {[each.name for each in matching]}"
            continue
        ports = {name for each in matching[0].spec["containers"] for name in _ports(each)}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"Service {name}: no port {port['targetPort']}"
    for budget in of_kind(documents, "PodDisruptionBudget"):
        matching = [each for each in made if _selects(budget["spec"]["selector"], each.labels)]
        if len(matching) != 1 or not matching[0].is_lasting:
            yield f"PodDisruptionBudget {budget['metadata']['name']}: selects {matching}"
    yield from _ingress(documents, services)
    yield from _scaling(documents, made)
    yield from _scraping(documents, services)


def _placing(spec: Document) -> Iterator[Document]:
    for each in spec.get("topologySpreadConstraints") or ():
        yield each["labelSelector"]
    for affinity in spec.get("affinity", {}).values():
        for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution", ()):
            yield term["labelSelector"]


def _ingress(documents: Sequence[Document], services: Mapping[str, Document]) -> Iterator[str]:
    allowed = settings(documents)["server"]["allowed_hosts"]
    for ingress in of_kind(documents, "Ingress"):
        with_tls = {host for each in ingress["spec"].get("tls", ()) for host in each["hosts"]}
        for rule in ingress["spec"]["rules"]:
            if rule["host"] not in with_tls:
                yield f"Ingress: {rule['host']} has no TLS"
            if rule["host"] not in allowed:
                yield f"Ingress: the server refuses {rule['host']}"
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = services.get(backend["name"], {"spec": {"ports": []}})
                if backend["port"]["name"] not in [
                    each["name"] for each in service["spec"]["ports"]
                ]:
                    yield f"Ingress: no port {backend['port']['name']} of {backend['name']}"
        timeouts = [
            int(value)
            for key, value in ingress["metadata"]["annotations"].items()
            if key.endswith(("/proxy-read-timeout", "/proxy-send-timeout"))
        ]
        heartbeat = settings(documents)["limits"].get("heartbeat_seconds", 25)
        if len(timeouts) != 2 or min(timeouts) <= 2 * heartbeat:
            yield "Ingress: a WebSocket is cut after one lost heartbeat"


def _scaling(documents: Sequence[Document], made: Sequence[Workload]) -> Iterator[str]:
    for scaler in of_kind(documents, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        found = [each for each in made if each.name == f"{target['kind']}/{target['name']}"]
        if not found:
            yield f"HPA: no {target['kind']} {target['name']}"
        elif "replicas" in found[0].document["spec"]:
            yield "HPA: each `kubectl apply` would undo it"
        if scaler["spec"]["minReplicas"] < 2:
            yield "HPA: a single Pod would be left"
        down = scaler["spec"].get("behavior", {}).get("scaleDown", {})
        if down.get("stabilizationWindowSeconds", 300) < 600 or [
            each for each in down.get("policies", [{"type": "Percent"}]) if each["type"] != "Pods"
        ]:
            yield "HPA: scales down fast, and all clients of those Pods reconnect"


def _scraping(documents: Sequence[Document], services: Mapping[str, Document]) -> Iterator[str]:
    for monitor in of_kind(documents, "ServiceMonitor"):
        selected = [
            each
            for each in services.values()
            if _selects(monitor["spec"]["selector"], each["metadata"]["labels"])
        ]
        if len(selected) != 1:
            yield f"ServiceMonitor: selects {len(selected)} Services"
            continue
        ports = [each["name"] for each in selected[0]["spec"]["ports"]]
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in ports:
                yield f"ServiceMonitor: no port {endpoint['port']}"
        if not selected[0]["spec"].get("publishNotReadyAddresses"):
            yield "ServiceMonitor: does not see Pods that are not ready"


# -- settings ----------------------------------------------------------------------------------------


def configuration(documents: Sequence[Document]) -> Iterator[str]:
    """The settings and the manifests name the same ports and folders."""
    config = settings(documents)
    server = config["server"]
    workload = _app(documents)
    [container] = workload.spec["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    if ports != {"http": server.get("port", 4000), "internal": server["internal_port"]}:
        yield f"{workload.name}: ports {ports} are not those of the settings"
    if server["migrate"] != "by_command":
        yield "settings: every Pod would migrate"
    if config["logging"]["folder"]:
        yield "settings: logs are in files that end with their Pod"
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    sources = {each["name"]: each for each in workload.spec["volumes"]}
    environment = {each["name"]: each.get("value", "") for each in container["env"]}
    lasting = {
        "backup.folder": config["backup"]["folder"],
        "plugin.audit.folder": environment.get("CHATSERVER_PLUGIN__AUDIT__FOLDER", ""),
    }
    for key, folder in lasting.items():
        place = _mount_of(folder, mounts) if folder else None
        if place is None or "persistentVolumeClaim" not in sources[mounts[place]]:
            yield f"{key}: {folder} ends with its Pod"
    if "$(POD_NAME)" not in lasting["plugin.audit.folder"]:
        yield "plugin.audit.folder: is the same for all Pods"
    if _mount_of(server["data"], mounts) is None:
        yield f"server.data: {server['data']} cannot be written"
    if "audit" not in after(PluginsConfig().enabled, config["plugins"]["enabled"]):
        yield "settings: there is no audit log"


# -- security ----------------------------------------------------------------------------------------


def confinement(documents: Sequence[Document]) -> Iterator[str]:
    """The restricted Pod Security Standard, and a read-only root."""
    [namespace] = of_kind(documents, "Namespace")
    if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "Namespace: does not enforce restricted"
    for document in documents:
        inside = document["metadata"].get("namespace") == namespace["metadata"]["name"]
        if not inside and document is not namespace:
            yield f"{document['kind']}: is in no namespace"
    for workload in workloads(documents):
        spec = workload.spec
        pod = spec.get("securityContext", {})
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(key):
                yield f"{workload.name}: {key}"
        if not pod.get("runAsNonRoot") or not pod.get("runAsUser"):
            yield f"{workload.name}: may run as root"
        if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{workload.name}: any system call is allowed"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{workload.name}: gets a token"
        for volume in spec.get("volumes", ()):
            if not volume.keys() & ALLOWED_VOLUMES:
                yield f"{workload.name}: volume {volume['name']} is of a kind that is not allowed"
        for container in workload.containers:
            security = container.get("securityContext", {})
            if (
                security.get("allowPrivilegeEscalation") is not False
                or security.get("capabilities") != {"drop": ["ALL"]}
                or security.get("readOnlyRootFilesystem") is not True
                or security.get("privileged")
                or security.get("runAsUser") == 0
            ):
                yield f"{workload.name}: {container['name']} is not confined"
            if any("hostPort" in port for port in container.get("ports", ())):
                yield f"{workload.name}: {container['name']} takes a port of its node"


ALLOWED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}


def secrets(documents: Sequence[Document]) -> Iterator[str]:
    """None in git; and none in variables, where whoever may describe a Pod reads them."""
    for document in of_kind(documents, "Secret"):
        yield f"Secret {document['metadata']['name']}: has its values in the manifests"
    for workload in workloads(documents):
        for container in workload.containers:
            for variable in container.get("env", ()):
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    yield f"{workload.name}: {variable['name']} is a secret"


# -- resources and images ----------------------------------------------------------------------------


def resources(documents: Sequence[Document]) -> Iterator[str]:
    for workload in workloads(documents):
        for container in workload.containers:
            given = container.get("resources", {})
            for kind, keys in (("requests", ("cpu", "memory")), ("limits", ("memory",))):
                for key in (*keys, "ephemeral-storage"):
                    if key not in given.get(kind, {}):
                        yield f"{workload.name}: {container['name']} has no {kind}.{key}"


def images(documents: Sequence[Document]) -> Iterator[str]:
    """By their digest; the server's own, which kustomize names, at least by a version."""
    for workload in workloads(documents):
        for container in workload.containers:
            image = container["image"]
            ours = re.fullmatch(r"registry\.example\.org/chatserver:\d+\.\d+\.\d+", image)
            if not ours and not re.search(r"@sha256:[0-9a-f]{64}$", image):
                yield f"{workload.name}: {image} may be another one tomorrow"


# -- network -----------------------------------------------------------------------------------------


def network(documents: Sequence[Document]) -> Iterator[str]:
    """The policies, which are generated from deploy/topology.toml, permit what these manifests need.

    That they permit nothing else is tested where they are generated.
    """
    policies = [each["spec"] for each in of_kind(documents, "NetworkPolicy")]
    made = [*workloads(documents)]
    if not any(each["podSelector"] == {} for each in policies):
        yield "NetworkPolicy: nothing is denied by default"
    for workload in made:
        if not _permitted(policies, "Egress", workload.labels, {"k8s-app": "kube-dns"}, 53):
            yield f"{workload.name}: finds no name"
    stores = [each for each in made if each.kind == "StatefulSet"]
    for client in made:
        for store in stores:
            for direction in ("Egress", "Ingress"):
                own, other = (client, store) if direction == "Egress" else (store, client)
                if not _permitted(policies, direction, own.labels, other.labels, 27017):
                    yield f"{client.name}: does not reach {store.name} ({direction})"
    app = _app(documents)
    for namespace, port in (("ingress-nginx", 4000), ("monitoring", 9464)):
        labels = {"kubernetes.io/metadata.name": namespace}
        if not _permitted(policies, "Ingress", app.labels, labels, port):
            yield f"{namespace}: does not reach {app.name}"


def _permitted(
    policies: Sequence[Document],
    direction: str,
    own: Mapping[str, str],
    other: Mapping[str, str],
    port: int,
) -> bool:
    """Whether Pods with the labels `own` may speak with others, by Pods' labels or a namespace's."""
    key = "to" if direction == "Egress" else "from"
    for policy in policies:
        if not policy["podSelector"] or not _selects(policy["podSelector"], own):
            continue
        for rule in policy.get(direction.lower(), ()):
            if port not in [each["port"] for each in rule.get("ports", ())]:
                continue
            for peer in rule[key]:
                selector = peer.get("podSelector") or peer.get("namespaceSelector")
                if selector and _selects(selector, other):
                    return True
    return False


# -- helpers -----------------------------------------------------------------------------------------


def _app(documents: Sequence[Document]) -> Workload:
    return next(each for each in workloads([named(documents, "Deployment", "chatserver")]))


def _ports(container: Document) -> set[Any]:
    return {each["name"] for each in container.get("ports", ())}


def _selects(selector: Document, labels: Mapping[str, str]) -> bool:
    wanted: dict[str, str] = selector["matchLabels"]
    return wanted.items() <= labels.items()


RULES: tuple[Rule, ...] = (
    probes,
    ends,
    updates,
    volumes,
    variables,
    references,
    configuration,
    confinement,
    secrets,
    resources,
    images,
    network,
)
