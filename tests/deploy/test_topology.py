"""deploy/topology.toml, what is generated from it, and how the reader refuses wrong values."""

import copy
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from chatserver.deployment.generated import first_difference, generated
from chatserver.deployment.lines import toml_lines
from chatserver.deployment.problem import DeploymentError
from chatserver.deployment.table import END, START, with_tables
from chatserver.deployment.topology import Port
from chatserver.deployment.topologyfile import parse_topology, read_topology, topology_of
from tests.deploy.policy_walk import End, Policies

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy/topology.toml").read_text("utf-8")
TOPOLOGY = parse_topology(TEXT)

# Rows E4 and E5 of the infrastructure document: (from, to, port) and whether it is permitted.
DOCUMENT = [
    ("internet", "proxy", "https", True),
    ("internet", "proxy", "http", True),
    ("internet", "app", "app", False),
    ("internet", "mongo", "mongodb", False),
    ("internet", "grafana", "grafana", False),
    ("proxy", "app", "app", True),
    ("internet", "app", "internal", False),
    ("proxy", "mongo", "mongodb", False),
    ("app", "mongo", "mongodb", True),
    ("app", "postgres", "postgresql", True),
    ("app", "redis", "redis", True),
    ("mongo", "app", "app", False),
    ("mongo", "internet", "https", False),
    ("prometheus", "app", "internal", True),
    ("prometheus", "mongo", "mongodb", False),
    ("grafana", "prometheus", "prometheus", True),
    ("grafana", "app", "internal", False),
    *((part, "logs", "elasticsearch", True) for part in TOPOLOGY.groups["machines"]),
]


@pytest.mark.parametrize(("source", "target", "port", "permitted"), DOCUMENT)
def test_the_topology_says_what_the_document_says(
    source: str, target: str, port: str, permitted: bool
) -> None:
    assert TOPOLOGY.allows(source, target, port) is permitted


def test_the_ports_are_those_of_the_document() -> None:
    numbers = {name: port.number for name, port in TOPOLOGY.ports.items()}
    expected = {"https": 443, "http": 80, "app": 4000, "postgresql": 5432, "redis": 6379}
    assert (
        numbers.items()
        >= (expected | {"prometheus": 9090, "grafana": 3000, "mongodb": 27017}).items()
    )


def test_what_is_generated_is_what_the_topology_says() -> None:
    command = [str(ROOT / "deploy/generate"), "--check"]
    python = {"PYTHON": sys.executable}
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=python)
    assert run.returncode == 0, run.stderr


def test_a_changed_file_and_a_changed_topology_are_noticed(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy"
    deploy.mkdir()
    (deploy / "topology.toml").write_text(TEXT)
    (deploy / "generate").write_text((ROOT / "deploy/generate").read_text())
    python = {"PYTHON": sys.executable}

    def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(deploy / "generate"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=python)

    assert generate().returncode == 0
    assert generate("--check").returncode == 0
    path = deploy / "firewall/mongo.nft"
    path.write_text(path.read_text().replace("policy drop", "policy accept"))
    changed = generate("--check")
    assert changed.returncode == 1 and [str(path)] == [
        line.split(": ")[0] for line in changed.stderr.splitlines()
    ]
    assert generate().returncode == 0 and "policy accept" not in path.read_text()
    (deploy / "topology.toml").write_text(TEXT.replace('"27017/tcp"', '"27018/tcp"'))
    assert generate("--check").returncode == 1
    asked = generate("--may", "app", "mongo", "mongodb"), generate("--may", "mongo", "app", "app")
    assert [each.stdout for each in asked] == ["yes\n", "no\n"]
    assert "does not define mysql" in generate("--may", "app", "mongo", "mysql").stderr


def test_a_page_without_a_place_for_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the lines"):
        with_tables(f"# Network\n\n{START}\n", TOPOLOGY)
    assert "| proxy | app | 4000/tcp |" in with_tables(f"{START}\n{END}\n", TOPOLOGY)


# -- Kubernetes ----------------------------------------------------------------------------------------


class Place(NamedTuple):
    """One way in which a part is reached on Kubernetes."""

    part: str
    end: End


OWN = "chatserver"


def places() -> Iterator[Place]:
    """Pods of each part, addresses of those outside, and strangers that no rule knows."""
    for part, pods in TOPOLOGY.kubernetes.parts.items():
        labels = pods.labels or {"app.kubernetes.io/name": part}
        yield Place(part, End(pods.namespace or OWN, labels))
        yield from (
            Place(part, End("", {}, str(each.partition("/")[0]))) for each in pods.addresses
        )
    for name, part in TOPOLOGY.parts.items():
        if name not in TOPOLOGY.kubernetes.parts:
            yield from (
                Place(name, End("", {}, str(ip_network(each)[1]))) for each in part.addresses
            )
    yield from (Place("internet", End("", {}, each)) for each in ("203.0.113.7", "2001:db8::7"))
    yield from (
        Place("", End("", {}, each))
        for each in ("10.0.0.7", "192.168.1.1", "169.254.169.254", "fd00::7")
    )
    yield Place("", End("elsewhere", TOPOLOGY.kubernetes.parts["app"].labels))
    yield Place("", End(OWN, {"app.kubernetes.io/name": "stranger"}))
    yield Place("", End("kube-system", {"k8s-app": "another"}))


def policies(text: str) -> Policies:
    return Policies(OWN, list(yaml.safe_load_all(text)))


def differences(text: str) -> list[str]:
    """Pairs and ports where the policies and the topology disagree."""
    found = []
    walked = policies(text)
    ports = [*TOPOLOGY.ports.values(), Port("unlisted", 31337, "tcp")]
    permitted = {
        (source, target, TOPOLOGY.ports[port].number, TOPOLOGY.ports[port].protocol)
        for rule in TOPOLOGY.rules
        if rule.kubernetes
        for source in rule.source
        for target in rule.target
        for port in rule.ports
    }
    every = list(places())
    for source in every:
        for target in every:
            if OWN not in (source.end.namespace, target.end.namespace):
                continue
            for port in ports:
                said = walked.permit(source.end, target.end, port.protocol, port.number)
                if said != ((source.part, target.part, port.number, port.protocol) in permitted):
                    found.append(f"{source} to {target} at {port}: {said}")
    return found


POLICIES = (ROOT / "deploy/kubernetes/base/network-policies.yaml").read_text("utf-8")


def test_the_network_policies_permit_what_the_topology_says_and_nothing_else() -> None:
    assert differences(POLICIES) == []


def test_the_network_policies_fit_the_schema_of_kubernetes(need_tool: Callable[[str], str]) -> None:
    path = ROOT / "deploy/kubernetes/base/network-policies.yaml"
    command = [need_tool("kubernetes-validate"), "--strict", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port: 27017", "port: 27018"),
        ("kubernetes.io/metadata.name: ingress-nginx", "kubernetes.io/metadata.name: default"),
        ("          podSelector:\n            matchLabels:\n              k8s-app: kube-dns\n", ""),
        ('"169.254.0.0/16"', '"169.255.0.0/16"'),
        ("policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]"),
    ],
)
def test_wrong_network_policies_are_noticed(old: str, new: str) -> None:
    assert old in POLICIES
    assert differences(POLICIES.replace(old, new, 1))


# -- wrong values --------------------------------------------------------------------------------------


class Wrong(NamedTuple):
    """One change of the file: the code, and the line that is blamed, by a text that is found there."""

    old: str
    new: str
    code: str
    line: str
    says: str


WRONG = {
    "syntax": Wrong('http = "80/tcp"', "http = 80/tcp", "topology.syntax", "http = 80/tcp", "line"),
    "a port out of range": Wrong(
        '"80/tcp"', '"80000/tcp"', "topology.port", "80000", "expected a port"
    ),
    "a protocol": Wrong('"80/tcp"', '"80/sctp"', "topology.port", "sctp", "expected a port"),
    "a port of the wrong type": Wrong(
        '"80/tcp"', "80", "topology.value", "http = 80", "ports.http"
    ),
    "a port without use": Wrong(
        "[ports]", '[ports]\nx = "1/tcp"', "topology.port", "x =", "no rule uses"
    ),
    "a misspelt key": Wrong(
        'why = "names"', 'whi = "names"', "topology.value", "whi =", "unknown field"
    ),
    "a key that is missing": Wrong(
        'why = "time"\n', "", "topology.value", "[[rules]]", "missing required field"
    ),
    "a rate of the wrong type": Wrong(
        "burst = 500", 'burst = "x"', "topology.value", "burst =", "Expected `int`"
    ),
    "a rate of nothing": Wrong(
        "burst = 500", "burst = 0", "topology.value", "burst =", "`int` >= 1"
    ),
    "an unknown part": Wrong(
        'to = ["nats"]', 'to = ["nuts"]', "topology.name", "nuts", "nuts is not defined"
    ),
    "an unknown port": Wrong(
        'ports = ["kafka"]', 'ports = ["x"]', "topology.name", '["x"]', "x is not defined"
    ),
    "no part": Wrong('to = ["mail"]', "to = []", "topology.value", "to = []", "at least one"),
    "an unknown section": Wrong(
        "[groups]", "[grups]", "topology.name", "[grups]", "expected one of"
    ),
    "a rule twice": Wrong(
        'why = "time"',
        'why = "time"\n[[rules]]\nfrom = ["app"]\nto = ["nats"]\nports = ["nats"]\nwhy = "again"',
        "topology.rule",
        "[[rules]]",
        "permitted in line",
    ),
    "a rule between strangers": Wrong(
        'from = ["grafana"]\nto = ["prometheus"]',
        'from = ["dns"]\nto = ["ntp"]',
        "topology.rule",
        "[[rules]]",
        "neither dns nor ntp is ours",
    ),
    "an address": Wrong(
        '"10.20.3.0/24"', '"10.20.3.0/33"', "topology.address", "10.20.3.0/33", "hosts.mongo"
    ),
    "host bits": Wrong(
        '"10.20.3.0/24"', '"10.20.3.7/24"', "topology.address", "10.20.3.7/24", "host bits"
    ),
    "overlapping addresses": Wrong(
        '"10.20.4.0/24"', '"10.20.3.0/25"', "topology.address", "10.20.3.0/25", "of mongo"
    ),
    "a machine without addresses": Wrong(
        'parts = ["nats"]\naddresses = ["10.20.6.0/24", "fd20:6::/64"]',
        'parts = ["nats"]',
        "topology.address",
        "[hosts.nats]",
        "has none",
    ),
    "a part on two machines": Wrong(
        'parts = ["nats"]',
        'parts = ["nats", "redis"]',
        "topology.host",
        'parts = ["nats", "redis"]',
        "on redis already",
    ),
    "a part nowhere": Wrong(
        "[parts.redis]",
        '[parts.clamav]\nabout = "x"\n\n[parts.redis]',
        "topology.host",
        "[parts.clamav]",
        "expected to be on one machine",
    ),
    "a group like a part": Wrong(
        "[groups]", '[groups]\napp = ["nats"]', "topology.name", "app =", "a part has"
    ),
    "a machine of Terraform": Wrong(
        'single = ["single"]', 'single = ["one"]', "topology.name", "one", "not defined"
    ),
    "an end of Terraform": Wrong(
        'mail = "anywhere"', 'mail = "all"', "topology.value", "mail =", "got all"
    ),
    "a quote that would end a text": Wrong(
        'why = "names"', "why = 'a \" b'", "topology.value", "why = 'a", "expected at most 90"
    ),
    "a name that would be two": Wrong(
        "[parts.redis]",
        '[parts."redis a"]\nabout = "x"\n[parts.redis]',
        "topology.name",
        "redis a",
        "such as",
    ),
    "a name of our own": Wrong(
        "[groups]", '[groups]\nknown = ["nats"]', "topology.name", "known", "such as"
    ),
    "a bridge": Wrong(
        '"docker0"', '"docker 0"', "topology.value", "container_bridges", "such as podman*"
    ),
    "a reference": Wrong(
        'mail = "anywhere"', 'mail = "var.x }"', "topology.value", "mail =", "a reference"
    ),
    "a part of Kubernetes": Wrong(
        "[kubernetes.parts.dns]",
        "[kubernetes.parts.dn]",
        "topology.name",
        "[kubernetes.parts.dn]",
        "dn is not defined",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_with_its_line(name: str) -> None:
    wrong = WRONG[name]
    assert wrong.old in TEXT
    text = TEXT.replace(wrong.old, wrong.new, 1)
    with pytest.raises(DeploymentError) as refused:
        parse_topology(text)
    lines = text.splitlines()
    told = [(each.code, lines[each.line - 1], each.message) for each in refused.value.problems]
    assert any(
        code == wrong.code and wrong.line in line and wrong.says in message
        for code, line, message in told
    ), refused.value


def places_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Each place in a parsed file."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places_of(each, (*path, key))


ODD: list[Any] = [5, -1, "", "x", True, [], [1], ["x"], {}, {"a": 1}, [[]], [{}]]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_value_anywhere_is_told_or_taken(odd: Any) -> None:
    """Never another error than the one that names file and line."""
    document = tomllib.loads(TEXT)
    lines = toml_lines(TEXT)
    refused = 0
    every = list(places_of(document))
    for path in every[:: max(1, len(every) // 150)] + [(each,) for each in document]:
        changed = copy.deepcopy(document)
        around: Any = changed
        for key in path[:-1]:
            around = around[key]
        around[path[-1]] = odd
        try:
            topology_of(changed, lines)
        except DeploymentError as error:
            refused += 1
            assert all(
                each.line >= 1 and each.code.startswith("topology.") for each in error.problems
            )
            assert error.problems
    assert refused > 100


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"topology.toml: topology.missing"):
        read_topology(tmp_path)


def test_every_key_has_its_line() -> None:
    lines = toml_lines(
        'a = 1\n[b."c.d"]\ne = [\n  { f = 1 },\n  "x = [",  # ]\n]\n[[g]]\nh = 1\n[[g]]\nh = 2\n'
    )
    found = [
        lines.of("a"),
        lines.of("b", "c.d", "e"),
        lines.of("g", 0, "h"),
        lines.of("g", 1, "h"),
        lines.of("z"),
    ]
    assert found == [1, 3, 8, 10, 1]


@pytest.mark.parametrize(
    ("found", "expected", "line"),
    [("a\nb\n", "a\nb\n", 0), ("a\nx\n", "a\nb\n", 2), ("a\n", "a\nb\n", 2), ("", "a\n", 1)],
)
def test_the_first_line_that_differs(found: str, expected: str, line: int) -> None:
    assert first_difference(found, expected) == line


def test_generating_twice_gives_the_same() -> None:
    assert generated(TOPOLOGY) == generated(parse_topology(TEXT))
