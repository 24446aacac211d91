"""deploy/terraform: parsed, checked by checkov, compared with the topology, and what it hands to cloud-init.

Terraform's own program is not run, so nothing here shows that a cloud accepts it.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from chatserver.config import load
from chatserver.config.sections import PluginsConfig
from chatserver.deployment.topologyfile import read_topology
from tests.operation.machines import machines
from tests.tools import ROOT, need_root, need_tool

FOLDER = ROOT / "deploy/terraform"
TOPOLOGY = read_topology(ROOT / "deploy")
MODULES = ("backups", "cloud", "single")


class Module(NamedTuple):
    """A folder's blocks, by (kind, type, name); a variable's type is empty."""

    blocks: dict[tuple[str, str, str], dict[str, Any]]
    folder: Path

    def names(self, kind: str) -> set[str]:
        return {name for (each, _, name) in self.blocks if each == kind}

    def locals(self) -> set[str]:
        return {
            name for (kind, _, _), body in self.blocks.items() if kind == "locals" for name in body
        }


def parsed(path: Path) -> dict[str, Any]:
    run = subprocess.run(
        [need_tool("hcl2tojson"), str(path)], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    document: dict[str, Any] = json.loads(run.stdout)
    return document


def read(folder: Path) -> Module:
    blocks: dict[tuple[str, str, str], dict[str, Any]] = {}

    def add(kind: str, of: str, name: str, body: dict[str, Any]) -> None:
        key = (kind, of, name)
        assert key not in blocks, f"{folder}: {key} is there twice"
        blocks[key] = body

    for path in sorted(folder.glob("*.tf")):
        for kind, listed in parsed(path).items():
            for entry in listed:
                if kind in ("resource", "data"):
                    for of, named in entry.items():
                        for name, body in named.items():
                            add(kind, of, name, body)
                elif kind in ("variable", "output", "module"):
                    for name, body in entry.items():
                        add(kind, "", name, body)
                else:
                    add(kind, path.name, kind, entry)
    return Module(blocks, folder)


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return {name: read(FOLDER / name) for name in MODULES}


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if not key.startswith("__"):
                yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value


REFERENCE = re.compile(r"(?<![\w.\"/:-])(var|local|module|data|aws_\w+)\.(\w+)(?:\.(\w+))?")


def references(module: Module) -> Iterator[tuple[str, str, str]]:
    for body in module.blocks.values():
        for leaf in leaves(body):
            if "${" in leaf:
                yield from REFERENCE.findall(leaf)


def unresolved(module: Module, every: dict[str, Module]) -> list[str]:
    found = []
    outputs = {name: every[name].names("output") for name in every}
    for head, name, rest in references(module):
        known = {
            "var": lambda n, _: n in module.names("variable"),
            "local": lambda n, _: n in module.locals(),
            "module": lambda n, r: n in module.names("module") and r in outputs[called(module, n)],
            "data": lambda n, r: ("data", n, r) in module.blocks,
        }.get(head, lambda n, _, head=head: ("resource", head, n) in module.blocks)
        if not known(name, rest):
            found.append(f"{module.folder.name}: {head}.{name}.{rest}")
    return found


def called(module: Module, name: str) -> str:
    [source] = module.blocks[("module", "", name)]["source"]
    return (module.folder / source).resolve().name


def test_every_reference_resolves(modules: dict[str, Module]) -> None:
    for module in modules.values():
        assert len(list(references(module))) > 10
        assert unresolved(module, modules) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("var.hostname", "var.host"),
        ("aws_eip.server", "aws_eip.other"),
        ("module.backups.target", "module.backups.name"),
        ("data.aws_ami.debian", "data.aws_ami.ubuntu"),
    ],
)
def test_a_reference_to_nothing_is_noticed(
    modules: dict[str, Module], tmp_path: Path, old: str, new: str
) -> None:
    text = (FOLDER / "single/main.tf").read_text()
    assert old in text
    for path in (FOLDER / "single").glob("*.tf"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "main.tf").write_text(text.replace(old, new))
    broken = read(tmp_path)._replace(folder=FOLDER / "single")
    assert unresolved(broken, modules)


def test_every_variable_is_used_and_every_module_gets_what_it_asks_for(
    modules: dict[str, Module],
) -> None:
    for module in modules.values():
        used = {name for head, name, _ in references(module) if head == "var"}
        assert used == module.names("variable"), module.folder
        for name in module.names("module"):
            given = {
                each for each in module.blocks[("module", "", name)] if not each.startswith("__")
            } - {"source"}
            child = modules[called(module, name)]
            wanted = child.names("variable")
            required = {
                each for each in wanted if "default" not in child.blocks[("variable", "", each)]
            }
            assert required <= given <= wanted


def test_checkov_finds_nothing_and_every_exception_has_its_reason() -> None:
    # Its own requirements print warnings; it asks no server (--skip-download).
    command = [
        need_tool("checkov"),
        "--directory",
        str(FOLDER),
        "--framework",
        "terraform",
        "--compact",
        "--quiet",
    ]
    run = subprocess.run(
        [*command, "--skip-download", "--output", "json"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    report = json.loads(run.stdout)
    failed = [
        f"{each['check_id']} {each['file_path']}:{each['file_line_range'][0]} {each['resource']}"
        for each in report["results"]["failed_checks"]
    ]
    assert failed == [] and run.returncode == 0
    assert report["summary"]["parsing_errors"] == 0 and report["summary"]["passed"] > 400
    for path in FOLDER.rglob("*.tf"):
        for check, reason in re.findall(r"#checkov:skip=(\w+):?(.*)", path.read_text()):
            assert len(reason.split()) > 3, f"{path}: {check}"


# -- security groups and the topology ------------------------------------------------------------------


def group_of(reference: str) -> str:
    return reference.removeprefix("${aws_security_group.").removesuffix(".id}")


def actual(module: Module) -> set[tuple[str, str, str, str, int]]:
    """(direction, group, other end, protocol, port) of each rule."""
    found = set()
    for (kind, of, _), body in module.blocks.items():
        if kind != "resource" or not of.startswith("aws_vpc_security_group_"):
            continue
        value = {key: each[0] if isinstance(each, list) else each for key, each in body.items()}
        assert value["from_port"] == value["to_port"]
        if "for_each" in value:
            end = value["for_each"].removeprefix("${toset(").removesuffix(")}")
        elif "referenced_security_group_id" in value:
            end = group_of(value["referenced_security_group_id"])
        elif "prefix_list_id" in value:
            end = value["prefix_list_id"].strip("${}")
        else:
            end = value.get("cidr_ipv4") or value["cidr_ipv6"]
        direction = of.removeprefix("aws_vpc_security_group_").removesuffix("_rule")
        found.add(
            (
                direction,
                group_of(value["security_group_id"]),
                end,
                value["ip_protocol"],
                value["from_port"],
            )
        )
    return found


def expected(hosts: tuple[str, ...]) -> set[tuple[str, str, str, str, int]]:
    """The same, asked of the topology: for every machine and every part, in both directions, at every port."""
    found = set()
    for host in hosts:
        for port in TOPOLOGY.ports.values():
            for part in TOPOLOGY.hosts[host].parts:
                for other in TOPOLOGY.parts:
                    if TOPOLOGY.hosts[host].alone and other in TOPOLOGY.hosts[host].parts:
                        continue
                    for end in ends(other, hosts):
                        if TOPOLOGY.allows(other, part, port.name):
                            found.add(("ingress", host, end, port.protocol, port.number))
                        if TOPOLOGY.allows(part, other, port.name):
                            found.add(("egress", host, end, port.protocol, port.number))
    return found


def ends(part: str, hosts: tuple[str, ...]) -> list[str]:
    home = TOPOLOGY.host_of.get(part)
    if home in hosts:
        return [home]
    named = TOPOLOGY.terraform.outside.get(part, "unfiltered")
    if named == "anywhere":
        return ["0.0.0.0/0", "::/0"]
    return [] if named == "unfiltered" else [named.removeprefix("prefix_list:")]


@pytest.mark.parametrize("name", ["cloud", "single"])
def test_security_groups_permit_what_the_topology_says_and_nothing_else(
    modules: dict[str, Module], name: str
) -> None:
    hosts = getattr(TOPOLOGY.terraform, name)
    assert actual(modules[name]) == expected(hosts)
    used = {
        group_of(leaf)
        for (kind, of, _), body in modules[name].blocks.items()
        if kind == "resource" and not of.startswith("aws_vpc_security_group_")
        for leaf in leaves(body)
        if leaf.startswith("${aws_security_group.")
    }
    assert used == set(hosts)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "from_port                    = 4000\n  to_port                      = 4000",
            "from_port = 4001\n  to_port = 4001",
        ),
        ('cidr_ipv4         = "0.0.0.0/0"', 'cidr_ipv4         = "10.0.0.0/8"'),
        ("aws_security_group.app.id", "aws_security_group.proxy.id"),
        ('ip_protocol                  = "tcp"', 'ip_protocol                  = "udp"'),
    ],
)
def test_a_wrong_security_group_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    text = (FOLDER / "cloud/security_groups.tf").read_text()
    assert old in text
    (tmp_path / "security_groups.tf").write_text(text.replace(old, new, 1))
    assert actual(read(tmp_path)) != expected(TOPOLOGY.terraform.cloud)


def test_ports_of_the_cloud_are_those_of_the_topology(modules: dict[str, Module]) -> None:
    blocks = modules["cloud"].blocks
    number = {name: port.number for name, port in TOPOLOGY.ports.items()}
    assert blocks[("resource", "aws_lb_listener", "https")]["port"] == [number["https"]]
    assert blocks[("resource", "aws_lb_listener", "http")]["port"] == [number["http"]]
    assert blocks[("resource", "aws_lb_target_group", "app")]["port"] == [number["app"]]
    assert blocks[("resource", "aws_db_instance", "main")]["port"] == [number["postgresql"]]


def test_descriptions_have_characters_that_aws_takes(modules: dict[str, Module]) -> None:
    """Source: the API reference of EC2, CreateSecurityGroup and IpRange."""
    for module in modules.values():
        for (_, of, name), body in module.blocks.items():
            if of.startswith(("aws_security_group", "aws_vpc_security_group")):
                [text] = body["description"]
                assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", text), name


def test_no_user_of_the_server_may_delete_a_locked_backup(modules: dict[str, Module]) -> None:
    blocks = modules["backups"].blocks
    statements = blocks[("data", "aws_iam_policy_document", "server")]["statement"]
    actions = {each for statement in statements for each in statement["actions"][0]}
    assert "s3:PutObjectRetention" in actions
    assert not {
        each for each in actions if "Bypass" in each or "DeleteObjectVersion" in each or "*" in each
    }
    [rule] = blocks[("resource", "aws_s3_bucket_object_lock_configuration", "backups")]["rule"]
    assert rule["default_retention"][0]["mode"] == ["COMPLIANCE"]
    assert blocks[("resource", "aws_s3_bucket_versioning", "backups")]["versioning_configuration"][
        0
    ]["status"] == ["Enabled"]


def test_the_bucket_for_files_is_private_encrypted_and_keeps_what_is_deleted(
    modules: dict[str, Module],
) -> None:
    blocks = modules["cloud"].blocks
    assert blocks[("resource", "aws_s3_bucket", "files")]["lifecycle"][0]["prevent_destroy"] == [
        True
    ]
    closed = blocks[("resource", "aws_s3_bucket_public_access_block", "files")]
    for key in ("block_public_acls", "block_public_policy", "ignore_public_acls"):
        assert closed[key] == [True]
    assert closed["restrict_public_buckets"] == [True]
    [rule] = blocks[("resource", "aws_s3_bucket_server_side_encryption_configuration", "files")][
        "rule"
    ]
    [sealed] = rule["apply_server_side_encryption_by_default"]
    assert sealed["kms_master_key_id"] == ["${aws_kms_key.data.arn}"]
    statements = blocks[("data", "aws_iam_policy_document", "files")]["statement"]
    actions = {each for statement in statements for each in statement["actions"][0]}
    # What plugins/s3/blobs.py calls, with the key of the bucket.
    assert actions == {
        *("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
        *("s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload"),
        *("kms:GenerateDataKey", "kms:Decrypt"),
    }


# -- what machines begin with --------------------------------------------------------------------------

TEMPLATES = {
    "single/cloud-init.yaml.tftpl": ("single", "single/main.tf"),
    "cloud/server.yaml.tftpl": ("cloud", "cloud/servers.tf"),
    "cloud/watching.yaml.tftpl": ("cloud", "cloud/watching.tf"),
}
VALUES = {
    "hostname": "chat.example.org",
    "region": "eu-central-1",
    "name": "chatserver",
    "release_url": "https://example.org/chatserver.tar.gz",
    "release_sha256": "0" * 64,
    "target": "s3://backups/chatserver?region=eu-central-1&lock=compliance&lock_days=14",
    "files": "s3://files/chatserver?region=eu-central-1",
    "volume": "vol0123456789abcdef0",
    "operators4": "127.0.0.1, 192.0.2.0/24, 198.51.100.7/32",
    "operators6": "::1, 2001:db8:1::/64",
    "image": "registry.example.org/chatserver@sha256:" + "0" * 64,
    "database": "db.example.org",
    "secret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database",
    "backup_key": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key",
    "proxies": "10.22.0.0/24,10.22.1.0/24",
}


def rendered(template: str, **changed: str) -> str:
    """What Terraform's templatefile makes of it; the templates have values alone, no directives."""
    text = (FOLDER / template).read_text()
    assert "%{" not in text
    values = VALUES | changed
    return re.sub(r"(?<!\$)\$\{(\w+)\}", lambda match: values[match[1]], text)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_gets_exactly_the_values_that_it_uses(template: str) -> None:
    caller = (FOLDER / TEMPLATES[template][1]).read_text()
    [arguments] = re.findall(
        rf'templatefile\("\$\{{path.module\}}/{Path(template).name}", \{{(.*?)\n  \}}\)',
        caller,
        re.S,
    )
    given = set(re.findall(r"^    (\w+) +=", arguments, re.M))
    text = (FOLDER / template).read_text()
    assert given == set(re.findall(r"\$\{(\w+)\}", text))


def documents(template: str) -> dict[str, str]:
    """The files that a template makes cloud-init write, by their path."""
    written = yaml.safe_load(rendered(template))["write_files"]
    return {each["path"]: each["content"] for each in written}


def test_the_servers_of_the_cloud_share_one_bucket_for_files() -> None:
    text = documents("cloud/server.yaml.tftpl")["/etc/chatserver/environment"]
    given = dict(line.split("=", 1) for line in text.splitlines())
    environ = {key: given[key] for key in given if not key.endswith("_FILE")}
    config = load("production", environ=environ).config
    assert config.plugin["s3"]["blobs"] == VALUES["files"]
    defaults = set(PluginsConfig().enabled) - {"mongo", "disk_blobs"}
    assert set(config.plugins.enabled) == defaults | {"postgres", "postgres_bus", "s3"}


@pytest.mark.parametrize("template", TEMPLATES)
def test_cloud_init_accepts_the_configuration(template: str, tmp_path: Path) -> None:
    path = tmp_path / "user-data"
    path.write_text(rendered(template))
    assert path.stat().st_size < 16384, "EC2 takes no more"
    command = [need_tool("cloud-init"), "schema", "--config-file", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "deprecat" not in run.stdout.lower()
    path.write_text(rendered(template).replace("\npackages: [", "\npackages: [[[]], "))
    assert subprocess.run(command, capture_output=True, timeout=120).returncode != 0


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_scripts_and_units_are_accepted_by_their_tools(template: str, tmp_path: Path) -> None:
    for name, content in documents(template).items():
        path = tmp_path / Path(name).name
        path.write_text(content)
        if content.startswith("#!/bin/sh"):
            command = [need_tool("shellcheck"), str(path)]
        elif name.endswith("prometheus.yml"):
            command = [need_tool("promtool"), "check", "config", str(path)]
        elif name.endswith(".container"):
            command = ["/usr/libexec/podman/quadlet", "-dryrun"]
        elif name.endswith(".yaml"):
            command = [
                sys.executable,
                "-c",
                "import sys, yaml; yaml.safe_load(open(sys.argv[1]))",
                str(path),
            ]
        else:
            continue
        environment = os.environ | {"QUADLET_UNIT_DIRS": str(tmp_path)}
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert run.returncode == 0, f"{name}: {run.stdout}{run.stderr}"


def test_the_compose_file_takes_what_the_single_server_adds(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(documents("single/cloud-init.yaml.tftpl")["/etc/chatserver/site.yaml"])
    [unit] = [
        content
        for name, content in documents("single/cloud-init.yaml.tftpl").items()
        if name.endswith("compose.service")
    ]
    [file] = re.findall(r"-f (deploy/\S+) -f /etc/chatserver/site.yaml up", unit)
    [profile] = re.findall(r"--profile (\S+) -f deploy/\S+ -f /etc/chatserver/site.yaml up", unit)
    files = ["-f", str(ROOT / file), "-f", str(site)]
    command = [need_tool("podman-compose"), "--profile", profile, *files, "config"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    app = yaml.safe_load(run.stdout)["services"]["app"]
    assert "backup_key" in app["secrets"] and "mongo_uri" in app["secrets"]
    assert "CHATSERVER_BACKUP__TARGETS" in str(app["environment"]) and "TRUSTED_PROXIES" in str(
        app["environment"]
    )


@pytest.mark.parametrize("operators6", [VALUES["operators6"], "::1"])
def test_the_firewall_of_the_single_server_loads_with_the_clouds_addresses(operators6: str) -> None:
    need_root()
    need_tool("nft")
    written = yaml.safe_load(rendered("single/cloud-init.yaml.tftpl", operators6=operators6))[
        "write_files"
    ]
    [site] = [each["content"] for each in written if each["path"] == "/etc/chatserver/site.nft"]
    with machines({"server": ["192.0.2.200"]}) as made:
        made["server"].nft((ROOT / "deploy/firewall/single.nft").read_text() + site)
        listed = subprocess.run(
            ["ip", "netns", "exec", made["server"].namespace, "nft", "list", "ruleset"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    assert (
        "169.254.169.253" in listed
        and "198.51.100.7" in listed
        and "10.20.200.0" not in between(listed, "set dns4")
    )
    assert ("2001:db8:1::/64" in listed) == ("2001:db8:1" in operators6)


def between(text: str, start: str) -> str:
    return text.partition(start)[2].partition("\n\t}")[0]
