"""`chatserver check --deploy`: a good copy of deploy/ passes, and each broken one is refused with file, line and code."""

import builtins
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from chatserver.cli import main
from chatserver.deployment.check import check_deployment
from chatserver.deployment.generated import generated
from chatserver.deployment.proxies import check_proxy
from chatserver.deployment.topologyfile import parse_topology

DEPLOY = Path(__file__).parents[2] / "deploy"
TEXT = (DEPLOY / "topology.toml").read_text("utf-8")
TOPOLOGY = parse_topology(TEXT)
DIGEST = "@sha256:" + "0" * 64

COMPOSE = f"""\
services:
  app:
    image: chatserver
    ports: ["127.0.0.1:4000:4000", "127.0.0.1:9464:9464"]
    environment:
      MONGO: mongodb://chatserver:${{MONGO_PASSWORD}}@mongo:27017/chatserver
  mongo:
    image: mongo:8.0.26{DIGEST}
  proxy:
    image: registry.chat.test/nginx{DIGEST}
    ports:
      - "443:443"
      - target: 80
        published: "80"
"""
MANIFEST = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app}}
spec:
  template:
    spec:
      containers:
        - name: app
          image: registry.chat.test/chatserver{DIGEST}
          ports:
            - containerPort: 4000
          livenessProbe:
            httpGet: {{path: /health/live, port: 4000}}
"""
NGINX = """\
upstream chatserver {
    server 10.20.2.5:4000 fail_timeout=2s;  # chat.example.org in a comment does no harm
}
server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name chat.test;
    location ~ ^/x{8}$ {
        return 404;
    }
    location / {
        proxy_pass http://chatserver;
    }
}
"""
HAPROXY = """\
frontend https
    bind :443 ssl crt /etc/chat.pem alpn h2,http/1.1
    bind [::]:443 ssl crt /etc/chat.pem
    default_backend app
frontend statistics
    bind 127.0.0.1:8404
backend app
    server node1 10.20.2.5:4000 check
backend certbot
    server certbot 127.0.0.1:8402
"""
CADDY = """\
chat.test {
    reverse_proxy 10.20.2.5:4000 10.20.2.6:4000 {
        header_up Host {http.request.host}
    }
}
"""
KUSTOMIZATION = f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
images:
  - name: chatserver
    newName: registry.chat.test/chatserver
    digest: {DIGEST.removeprefix("@")}
  - {{name: mongo, newName: localhost/mongo, newTag: "8"}}
"""
PROMETHEUS = """\
scrape_configs:
  - job_name: chatserver
    static_configs: [{targets: ["10.20.2.5:9464", "127.0.0.1:9115"]}]
"""
FILES = {
    "topology.toml": TEXT,
    "compose.yaml": COMPOSE,
    "kubernetes/base/deployment.yaml": MANIFEST,
    "proxy/nginx/chatserver.conf": NGINX,
    "proxy/haproxy/haproxy.cfg": HAPROXY,
    "proxy/caddy/Caddyfile": CADDY,
    "kubernetes/overlays/single/kustomization.yaml": KUSTOMIZATION,
    "observe/prometheus.yml": PROMETHEUS,
    "observe/dashboard.json": "{}\n",
    "kubernetes/base/production.toml": '[server]\nname = "Chat"\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy as an operator has it: own values, generated files, closed secrets; without Terraform."""
    files = FILES | {k: v for k, v in generated(TOPOLOGY).items() if not k.startswith("terraform")}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "mongo_password").write_text("x")
    (secrets / "mongo_password").chmod(0o444)
    return tmp_path


def test_a_good_copy_has_no_problems(folder: Path) -> None:
    assert check_deployment(folder) == []


class Broken(NamedTuple):
    """One change of a file (or a new file, where `old` is empty), and what is said of it."""

    file: str
    old: str
    new: str
    line: int
    code: str


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


MONGO_NFT = "firewall/mongo.nft"
BROKEN = {
    "topology: syntax": Broken("topology.toml", "[ports]", "[ports", line_of(TEXT, "[ports]"), "topology.syntax"),
    "topology: a value": Broken("topology.toml", '"443/tcp"', '"443"', line_of(TEXT, '"443/tcp"'), "topology.port"),
    "topology: a part": Broken(
        "topology.toml", 'to = ["kafka"]', 'to = ["kafkaa"]', line_of(TEXT, 'to = ["kafka"]'), "topology.name"
    ),
    "firewall: changed by hand": Broken(
        MONGO_NFT, "tcp dport 27017", "tcp dport 1", line_of(generated(TOPOLOGY)[MONGO_NFT], "tcp dport 27017"),
        "generated.drift",
    ),
    "firewall: of another topology": Broken(
        "topology.toml", '"10.20.3.0/24"', '"10.99.3.0/24"',
        0, "generated.drift",
    ),
    "firewall: a machine too many": Broken("firewall/web.nft", "", "table inet web {}\n", 0, "generated.stray"),
    "policies: changed by hand": Broken(
        "kubernetes/base/network-policies.yaml", "port: 4000", "port: 4001",
        line_of(generated(TOPOLOGY)["kubernetes/base/network-policies.yaml"], "port: 4000"), "generated.drift",
    ),
    "compose: syntax": Broken("compose.yaml", "  app:\n", "  app: [\n", 4, "yaml.syntax"),
    "compose: a tab": Broken("compose.yaml", "    image: chatserver", "\timage: chatserver", 3, "yaml.syntax"),
    "compose: a key twice": Broken("compose.yaml", "  mongo:\n", "  app: {}\n  mongo:\n", 7, "yaml.duplicate"),
    "compose: no mapping": Broken("compose.yaml", "  mongo:\n", "  nats: x\n  mongo:\n", 7, "compose.value"),
    "compose: without digest": Broken("compose.yaml", f"8.0.26{DIGEST}", "8.0.26", 8, "image.digest"),
    "compose: latest": Broken("compose.yaml", f"8.0.26{DIGEST}", "latest", 8, "image.latest"),
    "compose: an open port": Broken("compose.yaml", "127.0.0.1:4000:4000", "4000:4000", 4, "port.exposed"),
    "compose: an open port of every address": Broken(
        "compose.yaml", "127.0.0.1:4000:4000", "0.0.0.0:4000:4000", 4, "port.exposed"
    ),
    "compose: an unknown port": Broken("compose.yaml", "4000:4000", "4000:4001", 4, "port.unknown"),
    "compose: no port": Broken("compose.yaml", "127.0.0.1:4000:4000", "127.0.0.1:x", 4, "compose.port"),
    "compose: a password": Broken("compose.yaml", "${MONGO_PASSWORD}", "tiger", 6, "secret.inline"),
    "manifest: latest": Broken(
        "kubernetes/base/deployment.yaml", f"chatserver{DIGEST}", "chatserver:latest", 9, "image.latest"
    ),
    "manifest: without digest": Broken(
        "kubernetes/base/deployment.yaml", f"chatserver{DIGEST}", "chatserver:1.0", 9, "image.digest"
    ),
    "manifest: a container's port": Broken(
        "kubernetes/base/deployment.yaml", "containerPort: 4000", "containerPort: 4001", 11, "port.unknown"
    ),
    "manifest: a probe's port": Broken("kubernetes/base/deployment.yaml", "port: 4000}", "port: 80800}", 13, "port.unknown"),
    "kustomization: without digest": Broken(
        "kubernetes/overlays/single/kustomization.yaml", "    digest:", "    newTag:", 5, "image.digest"
    ),
    "kustomization: latest": Broken(
        "kubernetes/overlays/single/kustomization.yaml", 'localhost/mongo, newTag: "8"', "mongo, newTag: latest", 8, "image.latest"
    ),
    "nginx: listens": Broken("proxy/nginx/chatserver.conf", "listen [::]:443", "listen [::]:8443", 6, "port.mismatch"),
    "nginx: connects": Broken("proxy/nginx/chatserver.conf", "10.20.2.5:4000", "10.20.2.5:4001", 2, "port.mismatch"),
    "nginx: never closed": Broken("proxy/nginx/chatserver.conf", "return 404;\n    }", "return 404;", 4, "proxy.syntax"),
    "nginx: closes nothing": Broken("proxy/nginx/chatserver.conf", "fail_timeout=2s;", "fail_timeout=2s; }", 3, "proxy.syntax"),
    "nginx: an example": Broken("proxy/nginx/chatserver.conf", "chat.test", "chat.example.org", 7, "placeholder"),
    "haproxy: listens": Broken("proxy/haproxy/haproxy.cfg", "bind :443", "bind :4443", 2, "port.mismatch"),
    "haproxy: connects": Broken("proxy/haproxy/haproxy.cfg", "10.20.2.5:4000", "10.20.2.5:400", 8, "port.mismatch"),
    "caddy: connects": Broken("proxy/caddy/Caddyfile", "10.20.2.6:4000", "10.20.2.6:3000", 2, "port.mismatch"),
    "caddy: never closed": Broken("proxy/caddy/Caddyfile", "    }\n}", "    }\n", 1, "proxy.syntax"),
    "prometheus: a port": Broken("observe/prometheus.yml", "10.20.2.5:9464", "10.20.2.5:9465", 3, "port.unknown"),
    "json": Broken("observe/dashboard.json", "{}", '{\n "a": 1,\n "b" 2\n}', 3, "json.syntax"),
    "toml": Broken("kubernetes/base/production.toml", 'name = "Chat"', "name = Chat", 2, "toml.syntax"),
    "no text": Broken("kubernetes/base/production.toml", "Chat", "\udcff", 2, "file.unreadable"),
    "a left-over": Broken("observe/prometheus.yml", "chatserver", "CHANGE_ME", 2, "placeholder"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_its_line(folder: Path, name: str) -> None:
    broken = BROKEN[name]
    path = folder / broken.file
    text = path.read_text() if broken.old else ""
    assert broken.old in text
    changed = text.replace(broken.old, broken.new, 1) if broken.old else broken.new
    path.write_bytes(changed.encode("utf-8", "surrogateescape"))
    found = check_deployment(folder)
    if name == "firewall: of another topology":
        # Each machine that knows MongoDB's has another rule set now, and so has its own topology.
        assert {each.code for each in found} == {"generated.drift"}
        assert "firewall/app.nft" in {each.file for each in found}
    else:
        assert [(each.file, each.line, each.code) for each in found] == [
            (broken.file, broken.line, broken.code)
        ]
    run = CliRunner().invoke(main, ["check", "--deploy", str(folder)])
    assert run.exit_code == 1
    for each in found:
        assert f"{folder}/{each}" in run.output
    assert found[0].code in run.output


BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, "yaml.syntax"),
        ("a: &a [*a]\n", "yaml.syntax"),
        ("<<: x\n", "yaml.syntax"),
        ("services: {app: {ports: 5, image: []}}\n", ""),
        ("services: {app: {ports: [{}, null, []]}}\n", "compose.port"),
        ("apiVersion: v1\nkind: []\nspec: {image: 5, containers: x}\n", ""),
        ("scrape_configs: 5\n", ""),
        ("- 1\n---\n5\n---\n", ""),
    ],
)
def test_odd_yaml_is_told_or_taken(folder: Path, text: str, code: str) -> None:
    (folder / "odd.yaml").write_text(text)
    assert {each.code for each in check_deployment(folder)} == ({code} if code else set())


def test_a_missing_topology_and_a_missing_file_are_told(folder: Path) -> None:
    (folder / "firewall/mongo.nft").unlink()
    assert [(each.file, each.code) for each in check_deployment(folder)] == [
        (MONGO_NFT, "generated.missing")
    ]
    (folder / "topology.toml").unlink()
    assert [each.code for each in check_deployment(folder)] == ["topology.missing"]


def test_folders_that_an_operator_does_without_are_not_missed(folder: Path) -> None:
    shutil.rmtree(folder / "firewall")
    shutil.rmtree(folder / "kubernetes")
    assert check_deployment(folder) == []


@pytest.mark.parametrize("name", ["secrets/mongo_password", "proxy/site.key"])
def test_a_secret_that_everybody_can_read_is_told(folder: Path, name: str) -> None:
    (folder / "secrets").chmod(0o755)
    (folder / "secrets/mongo_password").chmod(0o400)
    (folder / "proxy/site.key").write_text(
        "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"
    )
    (folder / "proxy/site.key").chmod(0o600)
    assert check_deployment(folder) == []
    (folder / name).chmod(0o644)
    assert [(each.file, each.code) for each in check_deployment(folder)] == [
        (name, "secret.readable")
    ]


def test_as_json(folder: Path) -> None:
    (folder / "observe/dashboard.json").write_text("[")
    run = CliRunner().invoke(main, ["check", "--deploy", str(folder), "--json"])
    assert run.exit_code == 1
    [problem] = json.loads(run.stdout)["problems"]
    assert (
        problem.items()
        >= {"file": "observe/dashboard.json", "line": 1, "code": "json.syntax"}.items()
    )


def test_a_good_copy_is_called_good(folder: Path) -> None:
    run = CliRunner().invoke(main, ["check", "--deploy", str(folder)])
    assert (run.exit_code, run.stdout) == (0, f"{folder}: nothing is wrong.\n")
    assert CliRunner().invoke(main, ["check", "--deploy", str(folder), "--connect"]).exit_code == 2


def test_without_a_reader_of_yaml_it_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_yaml(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    [problem] = check_deployment(folder)
    assert problem.code == "yaml.not_checked" and "pluggable-chatserver[deploy]" in problem.message


def test_of_the_files_that_come_with_it_only_examples_are_refused() -> None:
    found = check_deployment(DEPLOY)
    assert found and {each.code for each in found} == {"placeholder"}


def test_ports_of_the_proxies_that_come_with_it_are_read() -> None:
    """Another port for the server is noticed in every proxy's file that connects to it."""
    moved = parse_topology(TEXT.replace('app = "4000/tcp"', 'app = "4010/tcp"'))
    seen = 0
    for path in DEPLOY.rglob("*"):
        if path.is_file() and (path.suffix in (".conf", ".cfg") or path.name == "Caddyfile"):
            text = path.read_text()
            if ":4000" in text:
                seen += 1
                assert "port.mismatch" in {
                    each.code for each in check_proxy(path.name, text, moved)
                }, path
    assert seen
